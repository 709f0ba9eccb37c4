#!/usr/bin/env bash
# Writes docs/openapi.json anew, with a binary of the packages, profile and flags that `make test` builds with.
set -euo pipefail
. "$(dirname "$0")/env.sh"
scripts/stage.sh program
# Renamed into place: a program that fails leaves the document as it was.
"$TARGET_DIR/ci/orchwiz" openapi >docs/.openapi.json.new
mv docs/.openapi.json.new docs/openapi.json
say "docs/openapi.json: $(grep -c '"operationId"' docs/openapi.json) operations"
