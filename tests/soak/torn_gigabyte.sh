#!/bin/sh
# Carries 1 GB each way at once through two processes of the real program, with a proxy between them that resets every TCP
# connection after 200 ms, and compares SHA-256. It is the test of that name, with more bytes.
# Usage: tests/soak/torn_gigabyte.sh [bytes]
set -eu
TORN_BYTES=${1:-1000000000}
export TORN_BYTES
cd "$(dirname "$0")/../.."
exec cargo test --release --quiet -p pluribus-mix --test two_processes -- \
    --exact --nocapture torn::a_stream_survives_the_links_beneath_it
