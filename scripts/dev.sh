#!/usr/bin/env bash
# Builds and serves http://127.0.0.1:3000, again on every change.
set -euo pipefail
. "$(dirname "$0")/env.sh"
scripts/setup.sh build
. scripts/env.sh
# A target folder of its own: cargo-leptos sets variables that leptos reads at compile time, so a shared folder would
# rebuild it at each switch.
export CARGO_TARGET_DIR=$ROOT/target/watch
# Pages are split here too: without --split none of them hydrates.
exec env -u RUSTFLAGS cargo leptos watch --split -- serve --data "${ORCHWIZ_DATA:-data}"
