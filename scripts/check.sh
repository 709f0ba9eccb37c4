#!/usr/bin/env bash
# The fast subset: format, clippy, the tests of the crates that need no browser. Under three minutes warm.
set -euo pipefail
. "$(dirname "$0")/env.sh"
# Without optimisation: after a small change, optimising costs more time than it saves.
export BUILD_PROFILE=dev
start=$SECONDS
for stage in format clippy quick; do
  begin=$SECONDS
  step "$stage"
  scripts/stage.sh "$stage"
  say "${FAINT}$stage: $(took $((SECONDS - begin)))${PLAIN}"
done
say "all of it: $(took $((SECONDS - start)))"
