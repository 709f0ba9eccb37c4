#!/usr/bin/env bash
# Playwright against the real binary, in a network namespace that has only loopback. Arguments go to Playwright.
set -euo pipefail
. "$(dirname "$0")/env.sh"
E2E_BIN=${BUILD_BIN:-$TARGET_DIR/ci/orchwiz}
[ -x "$E2E_BIN" ] || die "$E2E_BIN is missing: run scripts/site.sh and scripts/server.sh ci first"
E2E_CHROMIUM=$(scripts/chromium.sh) || die "no Chromium: run scripts/setup.sh test"
export E2E_BIN E2E_CHROMIUM
if [ -x "$CLAUDE_CODE_BIN" ]; then export CLAUDE_CODE_BIN; else unset CLAUDE_CODE_BIN; fi
cd end2end
exec "$ROOT/scripts/loopback.sh" node_modules/.bin/playwright test "$@"
