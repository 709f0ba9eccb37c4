#!/usr/bin/env bash
# Runs a command with a private PostgreSQL cluster on a spare loopback port, as an ordinary user; then removes it.
#   scripts/postgres.sh COMMAND...      the command finds the address in ORCHWIZ_TEST_POSTGRES, and the certificate of
#                                       the server's issuer in ORCHWIZ_TEST_POSTGRES_CA, if openssl could make one
# Exits 77 where PostgreSQL's programs are missing or older than 15.
set -euo pipefail
. "$(dirname "$0")/env.sh"
if ! have initdb || ! have pg_ctl; then exit 77; fi
[ "$(initdb --version | grep -oE '[0-9]+' | head -1)" -ge 15 ] || exit 77

# PostgreSQL refuses to run as root.
as_user() { if [ "$(id -u)" = 0 ]; then runuser -u "$user" -- "$@"; else "$@"; fi; }
user=$(id -un)
if [ "$(id -u)" = 0 ]; then user=$(getent passwd postgres nobody | head -1 | cut -d: -f1); fi

folder=$(mktemp -d)
chmod 711 "$folder"
install -d -m 700 "$folder/data"
[ "$(id -u)" != 0 ] || chown "$user" "$folder" "$folder/data"
port=$(node -e 's = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
# A certificate for this address, signed by an authority made for it.
certify() {
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  openssl req -x509 "${key[@]}" -keyout ca.key -out ca.crt -days 2 -subj "/CN=an authority for tests" &&
    openssl req "${key[@]}" -keyout server.key -out server.csr -subj "/CN=a server for tests" &&
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt \
      -extfile <(printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n') &&
    chmod 600 server.key && { [ "$(id -u)" != 0 ] || chown "$user" server.key; }
}
tls=''
if have openssl && (cd "$folder" && certify >certify.log 2>&1); then
  tls="-c ssl=on -c ssl_cert_file=$folder/server.crt -c ssl_key_file=$folder/server.key"
  export ORCHWIZ_TEST_POSTGRES_CA=$folder/ca.crt
fi
stop() {
  # A test may have made a standby beside it.
  for data in "$folder"/*/; do
    [ ! -e "$data/postmaster.pid" ] || (cd / && as_user pg_ctl -D "$data" -m immediate stop >/dev/null 2>&1) || true
  done
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM
(
  cd /
  as_user initdb -D "$folder/data" -U orchwiz --auth=trust --no-sync -E UTF8 --locale=C >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log"; exit 1; }
  # These tests do not measure durability on PostgreSQL, and each makes its own database.
  as_user pg_ctl -D "$folder/data" -w -t 60 -l "$folder/data/server.log" start \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=300 $tls" >/dev/null ||
    { cat "$folder/data/server.log"; exit 1; }
)
say "PostgreSQL $(initdb --version | awk '{ print $3 }') on 127.0.0.1:$port, as $user"
export ORCHWIZ_TEST_POSTGRES="postgres://orchwiz@127.0.0.1:$port/postgres?sslmode=disable"
# The place and the user of a standby that a test may make.
export ORCHWIZ_TEST_POSTGRES_FOLDER=$folder ORCHWIZ_TEST_POSTGRES_USER=$user
status=0
"$@" || status=$?
exit "$status"
