#!/usr/bin/env bash
# Builds the whole product as one file: dist/orchwiz.
set -euo pipefail
. "$(dirname "$0")/env.sh"
scripts/setup.sh build
. scripts/env.sh
sources=(Cargo.toml Cargo.lock rust-toolchain.toml model node app frontend server migration style public scripts/site.sh scripts/pack.mjs)
if [ -x dist/orchwiz ] && [ -z "$(find "${sources[@]}" -name node_modules -prune -o -type f -newer dist/orchwiz -print -quit)" ]; then
  say "dist/orchwiz is newer than every source: nothing to build"
  exit
fi
scripts/site.sh
scripts/server.sh release
mkdir -p dist
# Renamed into place, so that a running orchwiz keeps its file.
cp "$TARGET_DIR/release/orchwiz" dist/.orchwiz.new
mv dist/.orchwiz.new dist/orchwiz
say "dist/orchwiz: $(du -h dist/orchwiz | cut -f1)"
