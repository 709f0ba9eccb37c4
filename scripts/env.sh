# shellcheck shell=bash
# Sourced by every script: paths, and which tools come first. It must install nothing, and change nothing outside the
# shell.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit 1
# shellcheck source=scripts/versions.env
. scripts/versions.env

# Slow builds and downloads are cached outside the checkout, so that a fresh clone starts warm. Variables of callers
# (ORCHWIZ_CACHE and so on) get another prefix, because to the binary every ORCHWIZ_* is a setting.
for name in CACHE RUST PATIENCE CHROMIUM BIN; do
  from=ORCHWIZ_$name
  if [ -n "${!from:-}" ]; then export "BUILD_$name=${!from}"; fi
  unset "$from"
done
export BUILD_CACHE=${BUILD_CACHE:-$HOME/.cache/orchwiz}
mkdir -p "$BUILD_CACHE"
RUST_VERSION=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
WASM_BINDGEN_VERSION=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock)
CLAUDE_CODE_DIR=$BUILD_CACHE/claude/$CLAUDE_CODE_VERSION
CLAUDE_CODE_BIN=$CLAUDE_CODE_DIR/claude
export RUST_VERSION WASM_BINDGEN_VERSION CARGO_LEPTOS_VERSION CLAUDE_CODE_VERSION CLAUDE_CODE_BIN

# The cache's tools and the pinned npm ones first: cargo-leptos takes tailwindcss, wasm-opt and wasm-bindgen from PATH.
PATH=$ROOT/style/node_modules/.bin:$BUILD_CACHE/bin:$HOME/.cargo/bin:$PATH
[ -d /usr/lib/postgresql ] && PATH=$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)
export PATH
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1

# Colours and progress bars only on a terminal.
if [ -t 1 ]; then BOLD=$'\e[1m' FAINT=$'\e[2m' PLAIN=$'\e[0m'; else BOLD='' FAINT='' PLAIN=''; fi
say() { printf '%s\n' "$*"; }
step() { printf '%s-> %s%s\n' "$BOLD" "$*" "$PLAIN"; }
loud() { printf '\n!!! %s\n\n' "$*"; }
die() { printf '\n%serror:%s %s\n' "$BOLD" "$PLAIN" "$*" >&2; exit 1; }
took() { printf '%dm %02ds' $(($1 / 60)) $(($1 % 60)); }
have() { command -v "$1" >/dev/null 2>&1; }

# `setup.sh` records the compiler it chose; a caller who sets RUSTUP_TOOLCHAIN overrides it.
if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && [ -f "$BUILD_CACHE/toolchain-$RUST_VERSION" ]; then
  RUSTUP_TOOLCHAIN=$(cat "$BUILD_CACHE/toolchain-$RUST_VERSION")
fi
if [ -n "${RUSTUP_TOOLCHAIN:-}" ]; then export RUSTUP_TOOLCHAIN; else unset RUSTUP_TOOLCHAIN; fi

# In CI the build folder is outside the checkout, so that the next fresh clone finds every dependency built.
if [ "${CI:-}" = true ] && [ -z "${CARGO_TARGET_DIR:-}" ]; then
  export CARGO_TARGET_DIR=$BUILD_CACHE/target CARGO_INCREMENTAL=0
fi
TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/target}

# Component types are erased everywhere: builds take a third of the time, and the browser's half is 40 % smaller over
# the wire (docs/performance.md). Server and browser must agree on this, or hydration fails.
BUILD_RUSTFLAGS="--cfg erase_components"
