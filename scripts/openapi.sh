#!/usr/bin/env bash
# Writes docs/openapi.json anew, with a binary built by the packages, profile and flags of `make test`.
set -euo pipefail
. "$(dirname "$0")/env.sh"
scripts/stage.sh program
# Renamed into place, so that a failure keeps the old document.
"$TARGET_DIR/ci/orchwiz" openapi >docs/.openapi.json.new
mv docs/.openapi.json.new docs/openapi.json
say "docs/openapi.json: $(grep -c '"operationId"' docs/openapi.json) operations"
