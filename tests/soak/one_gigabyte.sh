#!/bin/sh
# Carries 1 GB through two processes of the real program, each way in turn, and compares SHA-256.
# Usage: tests/soak/one_gigabyte.sh [bytes]
set -eu
bytes=${1:-1000000000}
cd "$(dirname "$0")/../.."
cargo build --release --quiet -p pluribus-mix
program=${CARGO_TARGET_DIR:-target}/release/pluribus-mix
work=$(mktemp -d)
listener=
trap '[ -z "$listener" ] || kill "$listener"; rm -rf "$work"' EXIT

head -c "$bytes" /dev/urandom >"$work/sent"

# join <input of the listener> <input of the dialler>
join() {
    # Else the line of the run before could be taken for this one's.
    rm -f "$work/said" && : >"$work/said"
    "$program" listen <"$1" >"$work/heard" 2>"$work/said" &
    listener=$!
    until grep -q '^ocapn://' "$work/said"; do sleep 0.05; done
    "$program" dial "$(head -n 1 "$work/said")" <"$2" >"$work/echoed"
    wait "$listener"
    listener=
}

# carried <name> <file that arrived> <milliseconds>
carried() {
    cmp "$work/sent" "$2"
    echo "$1: $(sha256sum <"$2" | cut -c 1-64), $bytes bytes in $3 ms, $((bytes / 1000 / ($3 + 1))) MB/s"
}

now() { echo $(($(date +%s%N) / 1000000)); }

began=$(now)
join /dev/null "$work/sent"
carried "dialler to listener" "$work/heard" $(($(now) - began))
began=$(now)
join "$work/sent" /dev/null
carried "listener to dialler" "$work/echoed" $(($(now) - began))
