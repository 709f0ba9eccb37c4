#!/usr/bin/env bash
# Installs missing tools for building and testing OrchWiz: looks first, says what it does and why, keeps what works.
#   scripts/setup.sh build     compiler, cargo-leptos, wasm-bindgen, tailwindcss, wasm-opt
#   scripts/setup.sh test      that, and Playwright, a browser, the pinned Claude Code
# ORCHWIZ_RUST=debian takes Debian's compiler at once, without trying rustup first.
set -euo pipefail
. "$(dirname "$0")/env.sh"

# The seconds that rustup or another download may be silent or busy before it counts as slow.
PATIENCE=${BUILD_PATIENCE:-600}
WHAT=${1:-build}

debian() { [ -f /etc/debian_version ] && have apt-get; }
root() { if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo; then sudo "$@"; else die "this needs root: $*"; fi; }

apt_updated=
# apt_install WHY PACKAGE...
apt_install() {
  local why=$1
  shift
  step "installing ${*} with apt-get: $why"
  if [ -z "$apt_updated" ]; then
    root apt-get update -qq
    apt_updated=yes
  fi
  root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# ---- the compiler

# Whether cargo, as called now, is new enough and has clippy, rustfmt and the browser's standard library.
compiler_works() {
  local -x RUSTUP_AUTO_INSTALL=0
  local version
  version=$(rustc --version 2>/dev/null | awk '{ print $2 }') || return 1
  [ -n "$version" ] || return 1
  [ "$(printf '%s\n%s\n' "$RUST_VERSION" "$version" | sort -V | head -1)" = "$RUST_VERSION" ] || return 1
  compgen -G "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib/libstd-*" >/dev/null || return 1
  cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1
}

settle() {
  if [ -n "$1" ]; then export RUSTUP_TOOLCHAIN=$1; else unset RUSTUP_TOOLCHAIN; fi
  printf '%s' "$1" >"$BUILD_CACHE/toolchain-$RUST_VERSION"
}

# The usual way. 0: done. 1: rustup refuses. 2: no answer in time.
rustup_way() {
  have rustup || return 1
  step "asking rustup for Rust $RUST_VERSION with the browser's target (at most ${PATIENCE}s)"
  local status=0
  RUSTUP_TOOLCHAIN='' timeout "$PATIENCE" rustup toolchain install "$RUST_VERSION" --profile minimal \
    -c clippy -c rustfmt -t wasm32-unknown-unknown --no-self-update || status=$?
  case $status in 0) ;; 124) return 2 ;; *) return 1 ;; esac
  (export RUSTUP_TOOLCHAIN=$RUST_VERSION; compiler_works) || return 1
  settle "$RUST_VERSION"
}

# Whether Debian has the compiler. Not `grep -q`: it exits early, and under `pipefail` apt-cache's broken pipe would
# count as "no".
served() { apt-cache show rustc-web 2>/dev/null | grep "^Version: $RUST_VERSION" >/dev/null; }

# Debian's compiler of the same version, and the browser's standard library built once from its source.
debian_way() {
  served || { root apt-get update -qq && apt_updated=yes; }
  served ||
    die "Debian has no rustc-web $RUST_VERSION here. Install Rust $RUST_VERSION with its wasm32-unknown-unknown target by hand, then run this again."
  apt_install "Rust $RUST_VERSION, since rustup could not give it" \
    rustc-web cargo-web rust-web-src rust-web-llvm lld-22 rust-web-clippy rustfmt-web gcc libc6-dev
  if ! compgen -G "/usr/lib/rustlib/wasm32-unknown-unknown/lib/libstd-*" >/dev/null; then
    step "building the browser's standard library from Debian's source (a minute; Debian ships none)"
    local scratch
    scratch=$(mktemp -d)
    mkdir "$scratch/src"
    printf '[package]\nname = "scratch"\nversion = "0.0.0"\nedition = "2021"\n' >"$scratch/Cargo.toml"
    : >"$scratch/src/lib.rs"
    (cd "$scratch" && env -u RUSTUP_TOOLCHAIN -u CARGO_TARGET_DIR -u RUSTFLAGS RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc \
      /usr/bin/cargo build --release -Zbuild-std=std,panic_abort,proc_macro --target wasm32-unknown-unknown)
    root mkdir -p /usr/lib/rustlib/wasm32-unknown-unknown/lib
    find "$scratch/target/wasm32-unknown-unknown/release/deps" \( -name 'lib*.rlib' -o -name 'lib*.rmeta' \) ! -name 'libscratch*' |
      while read -r file; do root cp "$file" /usr/lib/rustlib/wasm32-unknown-unknown/lib/; done
    rm -rf "$scratch"
  fi
  if have rustup; then
    rustup toolchain list | grep -q '^debian' || rustup toolchain link debian /usr
    settle debian
  else
    settle ''
  fi
  compiler_works || die "Debian's Rust is installed but does not work as hoped: 'rustc --version' says $(rustc --version 2>&1 | head -1)"
}

compiler() {
  if compiler_works; then return; fi
  # Complete installations, before anything is fetched.
  local name
  for name in "$RUST_VERSION" debian; do
    if have rustup && rustup toolchain list 2>/dev/null | grep -q "^$name" && (export RUSTUP_TOOLCHAIN=$name; compiler_works); then
      settle "$name"
      return
    fi
  done
  local status=1
  if [ "${BUILD_RUST:-}" != debian ]; then
    status=0
    rustup_way || status=$?
    case $status in
      0) return ;;
      1) say "rustup cannot give Rust $RUST_VERSION here." ;;
      2) say "rustup was still busy after ${PATIENCE}s: slow, not refused (ORCHWIZ_PATIENCE=SECONDS gives it longer)." ;;
    esac
  fi
  debian || die "Rust $RUST_VERSION is missing. Install rustup (https://rustup.rs), then run this again."
  debian_way
}

# ---- cargo's tools, each built once into the cache

# cargo_tool PROGRAM CRATE VERSION LOCKED MINUTES
cargo_tool() {
  local program=$1 crate=$2 version=$3 locked=$4 minutes=$5
  if [ "$(tool_version "$program")" = "$version" ]; then return; fi
  if have cargo-binstall; then
    step "installing $crate $version with cargo binstall"
    timeout "$PATIENCE" cargo binstall --no-confirm --disable-strategies compile --version "$version" --root "$BUILD_CACHE" "$crate" || true
    if [ "$(tool_version "$program")" = "$version" ]; then return; fi
  fi
  step "building $crate $version into $BUILD_CACHE/bin (about $minutes minutes on two cores, once)"
  # Its own release profile (one codegen unit, fat LTO) takes four times as long, without a gain here.
  env -u RUSTFLAGS CARGO_TARGET_DIR="$BUILD_CACHE/tools-target" \
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=false \
    cargo install "$crate" --version "$version" $locked --force --root "$BUILD_CACHE"
  [ "$(tool_version "$program")" = "$version" ] || die "$crate $version was built, yet $program says '$(tool_version "$program")'"
  rm -rf "$BUILD_CACHE/tools-target"
}

tool_version() {
  case $1 in
    cargo-leptos) cargo-leptos --version 2>/dev/null | awk '{ print $NF; exit }' ;;
    *) "$1" --version 2>/dev/null | awk '{ print $2; exit }' ;;
  esac || true
}

# ---- npm's tools

node_works() { have node && have npm && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; }

node_itself() {
  if node_works; then return; fi
  if debian; then apt_install "Tailwind, wasm-opt and Playwright run on Node.js" nodejs npm; fi
  node_works || die "Node.js 20 or newer with npm is missing (found: $(node --version 2>/dev/null || echo none)). Install it, then run this again."
}

# npm_folder FOLDER WHY: installs the packages of its lock, again only when the lock has changed.
npm_folder() {
  local folder=$1 why=$2 stamp
  stamp=$folder/node_modules/.orchwiz-lock
  if [ -f "$stamp" ] && cmp -s "$stamp" "$folder/package-lock.json"; then return; fi
  step "installing the pinned npm packages of $folder/: $why"
  # Not `npm ci`: it refuses a lock without other platforms' optional packages, as npm writes it where those are not
  # served.
  (cd "$folder" && npm install --no-save --no-audit --no-fund --loglevel=error)
  cp "$folder/package-lock.json" "$stamp"
}

# ---- for tests only

browser() {
  if scripts/chromium.sh >/dev/null; then return; fi
  if debian; then
    apt_install "the end-to-end tests drive Chromium" chromium
  else
    step "installing Playwright's Chromium: the end-to-end tests drive it"
    env -u PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD npx --prefix end2end playwright install chromium
  fi
  scripts/chromium.sh >/dev/null || die "no Chromium found, even after installing one"
}

claude_code() {
  if [ -x "$CLAUDE_CODE_BIN" ]; then return; fi
  if [ "$(uname -sm)" != 'Linux x86_64' ]; then
    loud "SKIPPED: Claude Code $CLAUDE_CODE_VERSION for the real-agent test is pinned for Linux on x86-64 only; this is $(uname -sm)"
    return
  fi
  step "fetching Claude Code $CLAUDE_CODE_VERSION (380 MB) into the cache: the real-agent test drives it, on loopback only"
  local scratch
  scratch=$(mktemp -d "$BUILD_CACHE/claude-XXXXXX")
  (cd "$scratch" && npm pack --silent "@anthropic-ai/claude-code-linux-x64@$CLAUDE_CODE_VERSION" >/dev/null && tar xzf ./*.tgz && rm -f ./*.tgz)
  chmod +x "$scratch/package/claude"
  mkdir -p "$(dirname "$CLAUDE_CODE_DIR")"
  rm -rf "$CLAUDE_CODE_DIR"
  mv "$scratch/package" "$CLAUDE_CODE_DIR"
  rm -rf "$scratch"
}

start=$SECONDS
if ! have cc; then
  debian || die "a C compiler (cc) is missing: SQLite and ring are built with it"
  apt_install "SQLite and ring are built with a C compiler" gcc libc6-dev
fi
compiler
node_itself
npm_folder style "Tailwind makes the stylesheet, wasm-opt makes the browser's half small"
cargo_tool wasm-bindgen wasm-bindgen-cli "$WASM_BINDGEN_VERSION" '' 3
cargo_tool cargo-leptos cargo-leptos "$CARGO_LEPTOS_VERSION" --locked 16
if [ "$WHAT" = test ]; then
  npm_folder end2end "Playwright and axe drive pages, a client generated from the OpenAPI document drives REST"
  browser
  claude_code
  if ! have ip && debian; then apt_install "tests with the real agent run in a network namespace that has only loopback" iproute2; fi
fi
say "${FAINT}tools ready: $(rustc --version | awk '{ print $1, $2 }')${RUSTUP_TOOLCHAIN:+ ($RUSTUP_TOOLCHAIN)}, cargo-leptos $CARGO_LEPTOS_VERSION, wasm-bindgen $WASM_BINDGEN_VERSION ($(took $((SECONDS - start))))${PLAIN}"
