#!/usr/bin/env bash
# Builds the binary with the embedded site: scripts/server.sh PROFILE (release or ci). target/site must exist
# (scripts/site.sh).
# The binary is then PROFILE/orchwiz in cargo's build folder.
set -euo pipefail
. "$(dirname "$0")/env.sh"
profile=$1
[ -d target/site/pkg ] || die "target/site is missing: run scripts/site.sh first"
step "building the binary, profile '$profile', with the site inside"
# Cargo notices a changed or removed embedded file, but not an added one.
site=$(find target/site -type f -printf '%P %s\n' | sort | cksum)
stamp=$TARGET_DIR/$profile/.site
[ "$(cat "$stamp" 2>/dev/null)" = "$site" ] || touch -c server/src/assets/mod.rs
RUSTFLAGS=$BUILD_RUSTFLAGS cargo build --locked -p server --bin orchwiz --features embed --profile "$profile"
printf '%s' "$site" >"$stamp"
