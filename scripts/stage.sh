#!/usr/bin/env bash
# One stage of `make test`, by name; `make test STAGES="clippy unit"` runs some of them.
set -euo pipefail
. "$(dirname "$0")/env.sh"

# The frontend is built separately: it turns on `hydrate` in `app`, the others `ssr`, and one call must not do both.
PACKAGES="-p model -p node -p app -p server -p migration"
PROFILE=${BUILD_PROFILE:-ci}

tests() {
  export RUSTFLAGS=$BUILD_RUSTFLAGS
  if have cargo-nextest; then
    # shellcheck disable=SC2086
    cargo nextest run --cargo-profile "$PROFILE" --locked $PACKAGES --no-fail-fast --no-tests=fail "$@"
  else
    # shellcheck disable=SC2086
    cargo test --profile "$PROFILE" --locked $PACKAGES --no-fail-fast "$@"
  fi
}

case $1 in
  format) cargo fmt --all -- --check ;;
  clippy)
    export RUSTFLAGS=$BUILD_RUSTFLAGS
    # shellcheck disable=SC2086
    cargo clippy --profile "$PROFILE" --locked $PACKAGES --all-targets -- -D warnings
    cargo clippy --profile "$PROFILE" --locked -p frontend --all-targets -- -D warnings
    ;;
  unit) tests ;;
  program)
    # Without the site, which no command needs.
    export RUSTFLAGS=$BUILD_RUSTFLAGS
    # shellcheck disable=SC2086
    cargo build --profile "$PROFILE" --locked $PACKAGES --bin orchwiz
    ;;
  postgres)
    # The same binaries as before, with a database address: nothing is built again.
    status=0
    scripts/postgres.sh "$ROOT/scripts/stage.sh" postgres-inside || status=$?
    if [ "$status" = 77 ]; then
      loud "SKIPPED: the tests on PostgreSQL: initdb and pg_ctl of PostgreSQL 15 or newer are not installed"
      say "0 passed, 0 failed, 1 skipped"
      exit 0
    fi
    exit "$status"
    ;;
  postgres-inside) tests ;;
  quick)
    # The slowest tests run only in `make test`: killed nodes, agents, other processes.
    tests --lib
    ;;
  site) scripts/site.sh ;;
  size) node scripts/size.mjs target/site ;;
  binary) scripts/server.sh ci ;;
  browser) scripts/end2end.sh ;;
  *) die "no stage is called '$1'" ;;
esac
