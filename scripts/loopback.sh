#!/usr/bin/env bash
# Runs a command in a network namespace that has nothing but loopback: a test in it can reach no other machine, whatever it tries.
#   scripts/loopback.sh COMMAND...
# Where namespaces are not permitted the command runs without, and a loud line says so.
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
