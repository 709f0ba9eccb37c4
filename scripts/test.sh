#!/usr/bin/env bash
# Everything that must hold before a change lands, in timed stages; the total is the last line.
#   scripts/test.sh            all of it
#   scripts/test.sh clippy     some stages only
set -euo pipefail
. "$(dirname "$0")/env.sh"

declare -a names=() times=() results=()
passed=0 failed=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
begin=$SECONDS

# sum WORD LOG: the counts of the runners (nextest's summary, cargo test's results, Playwright's list, our own plain
# line).
sum() {
  sed -E 's/\x1b\[[0-9;]*m//g' "$2" | awk -v word="$1" '
    /^ *Summary \[/ || /^test result:/ || /^[0-9]+ passed, [0-9]+ failed/ || /^ +[0-9]+ (passed|failed|skipped|flaky|did not run)( |$)/ {
      line = $0
      while (match(line, "[0-9]+ " word)) { total += substr(line, RSTART, RLENGTH) + 0; line = substr(line, RSTART + RLENGTH) }
    }
    END { print total + 0 }'
}

# slowest N: the slowest tests of all stages, as nextest and Playwright's list report them: seconds, stage, name.
slowest() {
  local log
  for log in "$logs"/*; do
    sed -E 's/\x1b\[[0-9;]*m//g' "$log" | awk -v stage="$(basename "$log")" '
      # PASS [   1.234s] ( 3/10) server::it api::name
      /^ *(PASS|FAIL|TIMEOUT|SIGNAL|LEAK|TRY [0-9]+ [A-Z]+|SIG[A-Z]+) +\[ *>?[0-9.]+s\]/ {
        seconds = $0; sub(/^[^[]*\[ *>?/, "", seconds); sub(/s\].*/, "", seconds)
        name = $0; sub(/^[^]]*\] *(\([ 0-9]+\/[ 0-9]+\) *)?/, "", name)
        took[name] = seconds
      }
      # ✓  1 [ways] › tests/client.spec.ts:24:1 › what it says (21.5s)
      /^ *[^ ]+ +[0-9]+ .* › .* \([0-9.]+(ms|s|m)\)$/ {
        seconds = $0; sub(/.*\(/, "", seconds)
        seconds = seconds * (seconds ~ /ms\)/ ? 0.001 : seconds ~ /m\)/ ? 60 : 1)
        name = $0; sub(/^ *[^ ]+ +[0-9]+ /, "", name); sub(/ \([^(]*\)$/, "", name)
        took[name] = seconds
      }
      END { for (name in took) printf "%8.1fs  %-9s %s\n", took[name], stage, name }'
  done | sort -rn | sed -n "1,$1p"
}

# stage NAME COMMAND...: runs it, shows and logs its output, and goes on after a failure.
stage() {
  local name=$1 log=$logs/$1 start=$SECONDS status=0 ok bad
  shift
  printf '\n%s== %s%s %s\n' "$BOLD" "$name" "$PLAIN" "$(date +%H:%M:%S)"
  "$@" 2>&1 | tee "$log" || status=$?
  ok=$(sum passed "$log")
  bad=$(($(sum failed "$log") + $(sum 'timed out' "$log")))
  skipped=$((skipped + $(sum skipped "$log")))
  if [ "$status" = 0 ]; then
    # A stage without a test runner counts as one check.
    if [ $((ok + bad)) = 0 ] && ! grep -q '^SKIPPED\|^!!! SKIPPED' "$log"; then ok=1; fi
    results+=("ok")
  else
    if [ "$bad" = 0 ]; then bad=1; fi
    results+=("FAILED")
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
  names+=("$name") times+=($((SECONDS - start)))
  return "$status"
}

# In CI the build folder may be older or newer than this checkout. Cargo compares times, so make all our sources the
# newest.
if [ "${CI:-}" = true ]; then
  git ls-files -z 2>/dev/null | xargs -0 -r touch --no-create
  # Otherwise the cache only ever grows.
  if [ -d "$BUILD_CACHE/target" ] && [ "$(du -s --block-size=1G "$BUILD_CACHE/target" | cut -f1)" -gt 30 ]; then
    step "the build cache is over 30 GB: starting it anew"
    rm -rf "$BUILD_CACHE/target"
  fi
fi

if stage tools scripts/setup.sh test; then
  . scripts/env.sh
  if [ $# -gt 0 ]; then
    for name in "$@"; do stage "$name" scripts/stage.sh "$name" || true; done
  else
    stage format scripts/stage.sh format || true
    stage clippy scripts/stage.sh clippy || true
    stage unit scripts/stage.sh unit || true
    stage postgres scripts/stage.sh postgres || true
    if stage site scripts/stage.sh site; then
      stage size scripts/stage.sh size || true
      if stage binary scripts/stage.sh binary; then
        stage browser scripts/stage.sh browser || true
      fi
    fi
  fi
fi

printf '\n%s%-12s %9s  %s%s\n' "$BOLD" stage time result "$PLAIN"
for i in "${!names[@]}"; do printf '%-12s %9s  %s\n' "${names[$i]}" "$(took "${times[$i]}")" "${results[$i]}"; done
printf '%-12s %9s\n\n' total "$(took $((SECONDS - begin)))"
slow=$(slowest 10)
if [ -n "$slow" ]; then printf '%sthe slowest tests%s\n%s\n\n' "$BOLD" "$PLAIN" "$slow"; fi
if [ "$skipped" -gt 0 ]; then say "$passed passed, $failed failed, $skipped skipped"; else say "$passed passed, $failed failed"; fi
[ "$failed" = 0 ]
