#!/usr/bin/env bash
# Prints the path of a tar of a minimal Debian root, and makes the tar at the first call: debian-root.sh [bookworm]. Needs root.
# DEBIAN_MIRROR is the archive to use. The default is the archive of this system's own apt.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:-bookworm}
root=$PWD/.cache/root-$suite
if [ ! -f "$root.tar" ]; then
  .ci/setup.sh debootstrap >&2
  # shellcheck disable=SC2016 # $(REPO_URI) is apt's own
  mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | awk '/\/debian\/?$/ && !n++')}
  mkdir -p .cache
  rm -rf "$root"
  debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
  tar -C "$root" -cf "$root.tar.part" . && mv "$root.tar.part" "$root.tar"
  rm -rf "$root"
fi
echo "$root.tar"
