#!/usr/bin/env bash
# Measures the release binary and writes docs/performance.md. Takes about ten minutes and needs the machine for itself.
set -euo pipefail
. "$(dirname "$0")/env.sh"
scripts/build.sh
. scripts/env.sh
RUSTFLAGS=$BUILD_RUSTFLAGS cargo build --locked -p server --release --features embed --example bench
export E2E_BIN=$ROOT/dist/orchwiz BENCH_BIN=$TARGET_DIR/release/examples/bench
exec scripts/loopback.sh node end2end/bench/bench.mjs
