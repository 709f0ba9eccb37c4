#!/usr/bin/env bash
# Builds the binary with the site inside: scripts/server.sh PROFILE (release or ci); target/site must be there (scripts/site.sh).
# Prints nothing but cargo's words; the binary is $TARGET_DIR/PROFILE/orchwiz.
set -euo pipefail
. "$(dirname "$0")/env.sh"
profile=$1
[ -d target/site/pkg ] || die "target/site is missing: run scripts/site.sh first"
step "building the binary, profile '$profile', with the site inside"
# What cargo-leptos would set: leptos takes these at compile time.
hash_file=$(find "$TARGET_DIR/release" -maxdepth 1 -name hash.txt)
[ -z "$hash_file" ] || [ "$profile" = release ] || { mkdir -p "$TARGET_DIR/$profile" && cp "$hash_file" "$TARGET_DIR/$profile/hash.txt"; }
env -u RUSTFLAGS LEPTOS_OUTPUT_NAME=orchwiz LEPTOS_SITE_ROOT=target/site LEPTOS_SITE_PKG_DIR=pkg LEPTOS_SITE_ADDR=127.0.0.1:3000 \
  LEPTOS_RELOAD_PORT=3001 LEPTOS_LIB_DIR=frontend LEPTOS_BIN_DIR=server LEPTOS_JS_MINIFY=true LEPTOS_HASH_FILES=true \
  LEPTOS_HASH_FILE_NAME=hash.txt SERVER_FN_PREFIX=/api/rpc \
  cargo build --locked -p server --bin orchwiz --features embed --profile "$profile"
