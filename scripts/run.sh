#!/usr/bin/env bash
# Builds a release where it is not built yet and serves it on http://127.0.0.1:3000; the database is in ./data or ORCHWIZ_DATA.
set -euo pipefail
. "$(dirname "$0")/env.sh"
scripts/build.sh
say ""
exec dist/orchwiz serve --data "${ORCHWIZ_DATA:-data}"
