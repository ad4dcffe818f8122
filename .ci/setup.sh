#!/usr/bin/env bash
# Installs the named tools if they are missing:  setup.sh build|server|languages|clients|shellcheck|wrk|valgrind|tcl|debootstrap|pip|venv|chromium|docker|compose ...
# Prints what it installs and how. It is silent and fast when nothing is missing. It also runs in the bash 3.2 of macOS.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v apt-get >/dev/null; then manager=apt
elif command -v dnf >/dev/null; then manager=dnf
elif command -v brew >/dev/null; then manager=brew
else manager=none; fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

have_compiler() { command -v cc >/dev/null && { [ "$(uname)" = Darwin ] || [ -f /usr/include/stdio.h ]; }; }

# bindgen, in redis-module, loads libclang during the build and reads the C headers that come with it. On Debian only the
# -dev package has these headers.
have_libclang() {
  [ -z "${LIBCLANG_PATH:-}" ] || return 0
  case $manager in
    apt) dpkg-query -W -f '${db:Status-Status}\n' libclang-dev 'libclang-[0-9]*-dev' 2>/dev/null | grep -qx installed ;;
    dnf) rpm -q clang-devel >/dev/null ;;
    brew) xcode-select -p >/dev/null 2>&1 ;;
    none) ls /usr/lib*/libclang*.so* /usr/lib/llvm*/lib/libclang*.so* >/dev/null 2>&1 ;;
  esac
}

check_rust() {
  local wanted have
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  if ! command -v cargo >/dev/null; then
    echo "Rust is missing: install cargo $wanted or newer, with rustup" >&2
    exit 1
  fi
  have=$(cargo --version | cut -d' ' -f2)
  if [ "$(printf '%s\n' "$wanted" "$have" | sort -V | head -n 1)" != "$wanted" ]; then
    echo "cargo $have is too old: this needs $wanted or newer, which rustup installs" >&2
    exit 1
  fi
}

missing=
for thing in "$@"; do
  case $thing in
    build)
      check_rust
      have_compiler || missing="$missing compiler"
      have_libclang || missing="$missing libclang"
      ;;
    server) .ci/server.sh >/dev/null 2>&1 || missing="$missing server" ;;
    languages) # for the clients in tests/server/languages
      have_compiler || missing="$missing compiler"
      command -v python3 >/dev/null || missing="$missing python3"
      perl -MIO::Socket::UNIX -e 1 2>/dev/null || missing="$missing perl"
      ;;
    clients) # for the examples
      have_compiler || missing="$missing compiler"
      python3 -c 'import ensurepip' 2>/dev/null || missing="$missing venv"
      { command -v node && command -v npm; } >/dev/null || missing="$missing node"
      command -v go >/dev/null || missing="$missing go"
      { command -v javac && command -v mvn; } >/dev/null || missing="$missing java"
      php -r 'exit(extension_loaded("redis") ? 0 : 1);' 2>/dev/null || missing="$missing php"
      ruby -e 'require "redis"' 2>/dev/null || missing="$missing ruby"
      pkg-config --exists hiredis 2>/dev/null || missing="$missing hiredis"
      ;;
    wrk) command -v wrk >/dev/null || missing="$missing wrk" ;;
    shellcheck) command -v shellcheck >/dev/null || missing="$missing shellcheck" ;;
    valgrind) { command -v valgrind && command -v python3; } >/dev/null || missing="$missing valgrind" ;;
    tcl) command -v tclsh8.5 tclsh8.6 >/dev/null || missing="$missing tcl" ;; # versions that the suite knows
    debootstrap) command -v debootstrap >/dev/null || missing="$missing debootstrap" ;;
    venv) python3 -c 'import ensurepip' 2>/dev/null || missing="$missing venv" ;;
    chromium) command -v chromium chromium-browser google-chrome >/dev/null || missing="$missing chromium" ;;
    docker) command -v dockerd >/dev/null || missing="$missing docker" ;;
    compose) docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || missing="$missing compose" ;;
    pip) python3 -m pip --version >/dev/null 2>&1 || missing="$missing pip" ;;
    *) echo "setup.sh: unknown: $thing" >&2; exit 2 ;;
  esac
done
[ -n "$missing" ] || exit 0

packages=
for thing in $missing; do
  case $manager/$thing in
    apt/compiler) packages="$packages gcc libc6-dev" ;;
    apt/libclang) packages="$packages libclang-dev" ;;
    # Not redis-server: that package starts a service on port 6379, now and at each boot. The tools contain the program itself.
    apt/server) packages="$packages redis-tools" ;;
    apt/python3 | dnf/python3) packages="$packages python3" ;;
    apt/perl) packages="$packages perl" ;;
    dnf/perl) packages="$packages perl-IO perl-interpreter" ;;
    apt/valgrind | dnf/valgrind) packages="$packages valgrind python3" ;;
    apt/tcl) packages="$packages tcl make git" ;;
    dnf/tcl) packages="$packages tcl make git" ;;
    brew/tcl) packages="$packages tcl-tk@8" ;;
    apt/debootstrap) packages="$packages debootstrap" ;;
    apt/docker) packages="$packages docker.io" ;;
    apt/compose) packages="$packages docker-compose" ;;
    apt/pip) packages="$packages python3-pip" ;;
    apt/venv) packages="$packages python3-venv" ;;
    apt/chromium | dnf/chromium) packages="$packages chromium" ;;
    apt/node) packages="$packages nodejs npm" ;;
    apt/go) packages="$packages golang-go" ;;
    apt/java) packages="$packages default-jdk-headless maven" ;;
    apt/php) packages="$packages php-cli php-redis" ;;
    apt/ruby) packages="$packages ruby ruby-redis" ;;
    apt/hiredis) packages="$packages libhiredis-dev pkg-config" ;;
    dnf/venv | dnf/node | dnf/go | dnf/java | dnf/php | dnf/ruby | dnf/hiredis | brew/venv | brew/node | brew/go | brew/java | brew/php | brew/ruby | brew/hiredis)
      echo "missing: ${thing#*/}, see examples/README.md; this script installs it only on Debian and Ubuntu" >&2
      exit 1
      ;;
    brew/chromium) echo "missing: Chromium or Chrome; name the program in RL_BROWSER" >&2; exit 1 ;;
    dnf/docker | dnf/compose | brew/docker | brew/compose)
      echo "missing: Docker's engine with compose; this script installs it only on Debian and Ubuntu" >&2
      exit 1
      ;;
    dnf/compiler) packages="$packages gcc glibc-devel" ;;
    dnf/libclang) packages="$packages clang-devel" ;;
    dnf/server) packages="$packages valkey" ;;
    dnf/shellcheck) packages="$packages ShellCheck" ;;
    dnf/pip) packages="$packages python3-pip" ;;
    brew/server) packages="$packages redis" ;;
    brew/compiler | brew/libclang) echo "missing: Apple's command line tools, xcode-select --install" >&2; exit 1 ;;
    brew/valgrind) echo "missing: valgrind, which macOS does not have; count on Linux" >&2; exit 1 ;;
    brew/python3) packages="$packages python" ;;
    brew/perl) packages="$packages perl" ;;
    brew/pip) packages="$packages python" ;;
    */debootstrap) echo "missing: debootstrap, on Debian or Ubuntu" >&2; exit 1 ;;
    */shellcheck) packages="$packages shellcheck" ;;
    */wrk) packages="$packages wrk" ;;
  esac
done

# shellcheck disable=SC2086 # $packages is a list
case $manager in
  apt)
    echo "installing with apt-get:$packages"
    install="env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages"
    # The first try fails if the package lists are missing or old.
    as_root $install >/dev/null 2>&1 || { as_root apt-get update -qq && as_root $install; } >&2
    ;;
  dnf) echo "installing with dnf:$packages"; as_root dnf install -q -y $packages >&2 ;;
  brew) echo "installing with brew:$packages"; brew install -q $packages >&2 ;;
  none)
    cat >&2 <<END
Missing:$missing
This system has no package manager that this script knows (apt-get, dnf, brew). Please install
  compiler    a C compiler as \`cc\`, with the C library's headers
  libclang    the LLVM library libclang with its headers (else set LIBCLANG_PATH)
  server      redis-server or valkey-server 7.0 or newer (else set REDIS_RL_SERVER)
  python3     Python 3
  perl        Perl with IO::Socket::UNIX
  shellcheck  shellcheck
  wrk         wrk, a load generator for HTTP
  valgrind    valgrind and python3, to count instructions
  tcl         tclsh 8.5 or 8.6
  pip         Python 3 with pip
  chromium    Chromium or Chrome (else set RL_BROWSER)
  docker      Docker's engine; compose: its plugin
  venv, node, go, java, php, ruby, hiredis
              see examples/README.md, for each language
END
    exit 1
    ;;
esac

case " $missing " in *" server "*) .ci/server.sh >/dev/null ;; esac
