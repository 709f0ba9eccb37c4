#!/usr/bin/env bash
# Runs a command in a network namespace with only loopback, so that a test cannot reach any other machine.
#   scripts/loopback.sh COMMAND...
# Where namespaces are not permitted, the command runs without one, after a loud warning.
set -euo pipefail
if [ "${1:-}" = --inside ]; then
  shift
  ip link set lo up
  export LOOPBACK_ONLY=yes
  exec "$@"
fi
where=$PWD
. "$(dirname "$0")/env.sh"
cd "$where"
if have ip && have unshare; then
  for way in "unshare --net" "unshare --net --map-root-user"; do
    if $way "$ROOT/scripts/loopback.sh" --inside true 2>/dev/null; then
      exec $way "$ROOT/scripts/loopback.sh" --inside "$@"
    fi
  done
fi
loud "NOT ISOLATED: this machine permits no network namespace (or lacks ip or unshare); the tests run with its network"
exec "$@"
