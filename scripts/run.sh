#!/usr/bin/env bash
# Serves a release on http://127.0.0.1:3000, after building it if needed; the database is in ./data or ORCHWIZ_DATA.
set -euo pipefail
. "$(dirname "$0")/env.sh"
scripts/build.sh
say ""
exec dist/orchwiz serve --data "${ORCHWIZ_DATA:-data}"
