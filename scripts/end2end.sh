#!/usr/bin/env bash
# Playwright against the real binary, in a network namespace that has only loopback. Arguments go to Playwright.
set -euo pipefail
. "$(dirname "$0")/env.sh"
ORCHWIZ_BIN=${ORCHWIZ_BIN:-$TARGET_DIR/ci/orchwiz}
[ -x "$ORCHWIZ_BIN" ] || die "$ORCHWIZ_BIN is missing: run scripts/site.sh and scripts/server.sh ci first"
ORCHWIZ_CHROMIUM=$(scripts/chromium.sh) || die "no Chromium: run scripts/setup.sh test"
export ORCHWIZ_BIN ORCHWIZ_CHROMIUM
if [ -x "$CLAUDE_CODE_BIN" ]; then export CLAUDE_CODE_BIN; else unset CLAUDE_CODE_BIN; fi
cd end2end
exec "$ROOT/scripts/loopback.sh" node_modules/.bin/playwright test "$@"
