#!/usr/bin/env bash
# Fuzzes on stable Rust: fuzz/run.sh [seconds] [target…]
#
# Runs each target (default: all of fuzz_targets/) for that many seconds (default: 60). Starts from
# what seeds.py makes of the test vectors, from fuzz/seeds/<target>, which is kept in git, and from
# fuzz/corpus/<target>, where finds are collected. An input that crashes is left in
# fuzz/artifacts/<target>; give it to the target's binary to repeat it. The longest input is 4096
# bytes, or what a line `// max_len = …` in the target says.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-60}
shift || true
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: fuzz/run.sh [seconds] [target…]" >&2; exit 2; }
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in fuzz_targets/*.rs; do
        [ -e "$file" ] && targets+=("$(basename "$file" .rs)")
    done
fi
if [ ${#targets[@]} -eq 0 ]; then
    echo "there are no fuzz targets"
    exit 0
fi

# What `-fsanitize=fuzzer` would add, without the nightly flag for it.
coverage=(
    --cfg fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)
# With --target the flags stay off build scripts and procedural macros.
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../target}/fuzz
bins=()
for target in "${targets[@]}"; do
    bins+=(--bin "$target")
done
RUSTFLAGS="${coverage[*]}" cargo build --release --target "$host" "${bins[@]}"

vectors=$CARGO_TARGET_DIR/seeds
python3 seeds.py "$vectors"

for target in "${targets[@]}"; do
    echo "fuzzing $target for $seconds s"
    longest=$(sed -n 's|^// max_len = \([0-9]*\)$|\1|p' "fuzz_targets/$target.rs")
    mkdir -p "corpus/$target" "artifacts/$target"
    inputs=("corpus/$target")
    for seeds in "seeds/$target" "$vectors/$target"; do
        if [ -d "$seeds" ]; then inputs+=("$seeds"); fi
    done
    # Slow inputs are tried too, but they are not what most others are made of.
    "$CARGO_TARGET_DIR/$host/release/$target" "${inputs[@]}" \
        -max_total_time="$seconds" -entropic_scale_per_exec_time=1 -max_len="${longest:-4096}" -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="artifacts/$target/" -print_final_stats=1 -verbosity=0
done
