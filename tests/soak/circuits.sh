#!/usr/bin/env bash
# An hour's worth of use in some minutes: 3 authorities (2 must sign), 8 relays and 2 proxies on this machine, each with its own address.
# 100 MB through SOCKS5 while a middle relay is killed, 100 MB through HTTP CONNECT while one is frozen, 2000 connections one after
# the other, 200 at once, and then nothing may be left: no file descriptor more than before, and little memory. Cells go at once: what is carried is
# more than the clock would let through.
#
# usage: tests/soak/circuits.sh [path to pluribus-mix]
set -euo pipefail

program=$(realpath "${1:-target/release/pluribus-mix}")
town=$(mktemp -d)
street=$((RANDOM % 250 + 2)).$((RANDOM % 256))
declare -A pid
export PLURIBUS_LOG=${PLURIBUS_LOG:-info}

finish() {
    kill "${pid[@]}" 2>/dev/null || true
    kill -CONT "${pid[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    [ -n "${KEEP:-}" ] && echo "everything is in $town" || rm -rf "$town"
}
trap finish EXIT

say() { printf '\n== %s (%d s)\n' "$1" $SECONDS; }
fail() { echo "FAILED: $1"; KEEP=1; exit 1; }

start() { # name role
    "$program" "$2" --json --config "$town/$1.toml" >"$town/$1.out" 2>"$town/$1.log" &
    pid[$1]=$!
}

ready() { # name
    for _ in $(seq 600); do
        [ -s "$town/$1.out" ] && return
        sleep 0.1
    done
    cat "$town/$1.log"
    fail "$1 does not begin"
}

status() { "$program" status --json "$town/$1"; }
field() { python3 -c 'import json,sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."): value = value[int(name)] if name.isdigit() else value[name]
print(value)' "$1"; }
work() { sed 's/.*) //' "/proc/${pid[$1]}/stat" 2>/dev/null | awk '{print $12 + $13}'; }
descriptors() { ls "/proc/${pid[$1]}/fd" | wc -l; }
memory() { awk '/VmRSS/ {print $2}' "/proc/${pid[$1]}/status"; }

# The busiest relay that is neither exit nor guard of this proxy.
middle() { # proxy
    local guard n busiest='' most=-1 done
    declare -A before
    guard=$(field guards.0.id <"$town/$1/guards")
    for n in $(seq 8); do [ -n "${gone[$n]:-}" ] || before[$n]=$(work "relay$n"); done
    sleep 1
    for n in $(seq 8); do
        [ -n "${gone[$n]:-}" ] && continue
        [ "$(cat "$town/relay$n.name")" = "$guard" ] && continue
        [ "$(status "relay$n" | field sockets)" = 0 ] || continue
        done=$(($(work "relay$n") - ${before[$n]}))
        ((done > most)) && most=$done busiest=$n
    done
    echo "$busiest"
}

declare -A gone
locators=()
for n in 1 2 3; do
    locators+=("\"$("$program" keygen --at "127.$street.$n:9001" "$town/authority$n.key")\"")
done
network="[network]
authorities = [$(IFS=,; echo "${locators[*]}")]
threshold = 2"
for n in 1 2 3; do
    cat >"$town/authority$n.toml" <<END
key = "authority$n.key"
listen = "127.$street.$n:9001"
state = "authority$n"
min_relays = 8
$network
[params]
interval = 30
networks = 0
pacing = "none"
END
    start "authority$n" authority
done
for n in $(seq 8); do
    "$program" keygen --relay "$town/relay$n.key" | tr -d '\n' >"$town/relay$n.name"
    cat >"$town/relay$n.toml" <<END
key = "relay$n.key"
listen = "127.$street.$((20 + n)):9002"
bind = "127.$street.$((20 + n))"
state = "relay$n"
exit = ["accept private:*"]
$network
END
    start "relay$n" relay
done
for n in 1 2; do
    cat >"$town/proxy$n.toml" <<END
socks = ["127.0.0.1:0"]
http = ["127.0.0.1:0"]
bind = "127.$street.$((100 + n))"
state = "proxy$n"
$network
END
    start "proxy$n" proxy
done
mkdir "$town/web"
head -c 100000000 /dev/urandom >"$town/web/big"
head -c 2000 /dev/urandom >"$town/web/small"
python3 -c 'import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
http.server.SimpleHTTPRequestHandler.log_message = lambda *_: None
http.server.ThreadingHTTPServer.request_queue_size = 512
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()' "$town/web" >"$town/web.out" &
pid[web]=$!
ready proxy1
ready proxy2
ready web
web=127.0.0.1:$(cat "$town/web.out")
socks=$(field socks <"$town/proxy1.out")
http=$(field http <"$town/proxy2.out")
say "everybody is there"

spoil() { # signal proxy curl-options…
    local signal=$1 proxy=$2 victim fetching
    shift 2
    curl -sS --limit-rate 3M "$@" "http://$web/big" -o "$town/got" &
    fetching=$!
    sleep 1
    victim=$(middle "$proxy")
    echo "relay$victim: SIG$signal"
    kill "-$signal" "${pid[relay$victim]}"
    kill -0 $fetching || fail "it was over too soon"
    wait $fetching || fail "curl says $?"
    cmp "$town/got" "$town/web/big" || fail "other bytes"
    if [ "$signal" = STOP ]; then kill -CONT "${pid[relay$victim]}"; else gone[$victim]=1; unset "pid[relay$victim]"; fi
}

say "100 MB through SOCKS5, a middle relay is killed"
spoil KILL proxy1 --socks5-hostname "$socks"
say "100 MB through HTTP CONNECT, a middle relay is frozen"
spoil STOP proxy2 --proxytunnel --proxy "http://$http"

fetch() { curl -sS --max-time 120 --socks5-hostname "$socks" "http://$web/small" -o "$1" && cmp -s "$1" "$town/web/small"; }
for _ in $(seq 50); do fetch "$town/got" || fail "a small page"; done
sleep 5
declare -A held weighed
for name in "${!pid[@]}"; do held[$name]=$(descriptors "$name") weighed[$name]=$(memory "$name"); done

say "2000 connections, one after the other"
for n in $(seq 2000); do fetch "$town/got" || fail "connection $n"; done
say "200 connections at once"
waiting=()
for n in $(seq 200); do
    fetch "$town/got.$n" &
    waiting+=($!)
done
for one in "${waiting[@]}"; do wait "$one" || fail "one of 200"; done

say "what is left"
sleep 20
for name in "${!pid[@]}"; do
    [ "$name" = web ] && continue
    now=$(descriptors "$name") weight=$(memory "$name")
    echo "$name: descriptors ${held[$name]} -> $now, memory ${weighed[$name]} -> $weight kB"
    ((now <= held[$name] + 12)) || fail "$name keeps descriptors"
    ((weight <= weighed[$name] + 40000)) || fail "$name keeps memory"
done

say "everybody stops"
for name in "${!pid[@]}"; do [ "$name" = web ] || kill "${pid[$name]}"; done
for name in "${!pid[@]}"; do
    [ "$name" = web ] && continue
    wait "${pid[$name]}" || fail "$name ends with $?"
    unset "pid[$name]"
done
grep -l panicked "$town"/*.log && fail "somebody panicked"
say "done"
