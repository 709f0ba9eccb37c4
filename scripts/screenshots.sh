#!/usr/bin/env bash
# Fills docs/screenshots from the real binary, with a session of the demo agent.
set -euo pipefail
. "$(dirname "$0")/env.sh"
scripts/setup.sh test
. scripts/env.sh
scripts/site.sh
scripts/server.sh ci
# From a fixed folder: pages show the program's path, and pictures must not show this machine's.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$TARGET_DIR/ci/orchwiz" "$folder/"
BUILD_BIN=$folder/orchwiz scripts/end2end.sh --config screenshots.config.ts
say "docs/screenshots: $(find docs/screenshots -name '*.png' | wc -l) pictures, $(du -sh docs/screenshots | cut -f1)"
