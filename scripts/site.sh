#!/usr/bin/env bash
# Builds the browser's half (wasm, js, css, fonts) for release into target/site: wasm-opt, packed, brotli, hashed names.
# The server embeds that folder, so it is built first.
set -euo pipefail
. "$(dirname "$0")/env.sh"
start=$SECONDS
step "building the browser's half: wasm, stylesheet, brotli (first time about 6 minutes on two cores)"
RUSTFLAGS=$BUILD_RUSTFLAGS cargo leptos build --release --precompress --frontend-only --cargo-locked --split
# Types for TypeScript, which nobody loads.
find target/site/pkg -name '*.d.*ts*' -delete
node scripts/pack.mjs target/site
say "site: $(find target/site/pkg -name '*.wasm.br' | wc -l) files of wasm, $(cat target/site/pkg/*.wasm.br | wc -c) bytes ($(took $((SECONDS - start))))"
