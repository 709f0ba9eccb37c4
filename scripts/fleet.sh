#!/usr/bin/env bash
# Three nodes of the release on this machine: laptop, cloud and hybrid, with a demo agent at work on each. Ctrl-C ends
# them; their data stays in fleet-data/ (FLEET_DATA). With PAIR=1 they are paired: laptop joins cloud, cloud and hybrid
# send to each other, and cloud passes on what it holds.
set -euo pipefail
. "$(dirname "$0")/env.sh"
BIN=${BUILD_BIN:-$ROOT/dist/orchwiz}
[ -n "${BUILD_BIN:-}" ] || scripts/build.sh
DATA=${FLEET_DATA:-$ROOT/fleet-data}
PASSWORD='correct horse battery staple'
NODES=(laptop cloud hybrid)
port() { case $1 in laptop) echo 3101 ;; cloud) echo 3102 ;; hybrid) echo 3103 ;; esac; }
PIDS=()
stop() { kill "${PIDS[@]}" 2>/dev/null || true; wait 2>/dev/null || true; }
trap stop EXIT
trap 'exit 130' INT TERM

rest() { # NODE METHOD PATH BODY
  curl --silent --fail-with-body -X "$2" "http://127.0.0.1:$(port "$1")/api/v1$3" \
    -H "authorization: Bearer $(cat "$DATA/$1.token")" -H 'content-type: application/json' -d "$4"
}

for node in "${NODES[@]}"; do
  mkdir -p "$DATA/$node" "$DATA/$node-work"
  if [ ! -f "$DATA/$node.token" ]; then
    printf '%s\n' "$PASSWORD" | "$BIN" user add owner --role owner --password-stdin --data "$DATA/$node" >/dev/null
    (umask 077 && "$BIN" token create --user owner --data "$DATA/$node" >"$DATA/$node.token")
  fi
  ORCHWIZ_NODE_NAME=$node "$BIN" serve --data "$DATA/$node" --listen "127.0.0.1:$(port "$node")" >"$DATA/$node.log" 2>&1 &
  PIDS+=($!)
done
for node in "${NODES[@]}"; do
  until curl --silent --fail -o /dev/null "http://127.0.0.1:$(port "$node")/readyz"; do sleep 0.1; done
done
if [ "${PAIR:-}" = 1 ] && [ -z "$("$BIN" peer list --data "$DATA/cloud" | grep -v '^ID' || true)" ]; then
  for node in laptop hybrid; do
    invite=$("$BIN" peer invite --auto --relay --data "$DATA/cloud")
    "$BIN" peer join "$invite" --data "$DATA/$node" >/dev/null
  done
fi
for node in "${NODES[@]}"; do
  project=$(rest "$node" POST /projects "{\"path\": \"$DATA/$node-work\"}" | sed 's/.*"id":"\(prj_[0-9a-f]*\)".*/\1/') || project=
  [ -z "$project" ] || rest "$node" POST /sessions "{\"project\": \"$project\", \"agent\": \"demo\", \"mode\": \"ask\", \"prompt\": \"tour\"}" >/dev/null || true
  say "$node: http://127.0.0.1:$(port "$node")  (owner, $PASSWORD)"
done
say "Pair them on their pages Fleet; Ctrl-C ends all three."
wait
