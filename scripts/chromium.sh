#!/usr/bin/env bash
# Prints the path of the Chromium for the tests; exits 1 if there is none.
set -euo pipefail
. "$(dirname "$0")/env.sh"
if [ -n "${BUILD_CHROMIUM:-}" ]; then
  echo "$BUILD_CHROMIUM"
  exit
fi
for name in chromium chromium-browser google-chrome-stable google-chrome; do
  if command -v "$name"; then exit; fi
done
# Playwright's own, if it could download one.
find "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}" -type f \( -name chrome -o -name Chromium \) -perm -u+x 2>/dev/null | sort | tail -1 | grep .
