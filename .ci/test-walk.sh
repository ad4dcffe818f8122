#!/usr/bin/env bash
# make test-walk: the first part of README.md, typed into a clean Debian root: tests/packages/walk.py. Needs root, and ports 6379 and 8000.
#   SUITE           the Debian (default bookworm)
#   WALK_MODULE     a ready module: the root's `cargo build` then copies it, and the minutes are without the build
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/setup.sh venv
root=$(.ci/debian-root.sh "${SUITE:-bookworm}")
venv=$PWD/.cache/packages/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
lab=$(grep '^aiohttp==' benches/lab/requirements.txt)
"$venv/bin/pip" install -q --disable-pip-version-check redis "$lab"

work=$(mktemp -d)
# shellcheck disable=SC2317 # called by the trap
clean() {
  umount "$work/proc" "$work/dev" 2>/dev/null || :
  # Only if nothing of this system is mounted there any more.
  ! grep -q " $work/" /proc/mounts && rm -rf "$work"
}
trap clean EXIT
tar -C "$work" -xf "$root"
mount -t proc proc "$work/proc"
mount --bind /dev "$work/dev"
cp /etc/resolv.conf "$work/etc/"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$work/etc/hosts" # as Debian's installer does
# How this system reaches registries: pip's settings and the certificates.
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$work/etc/"
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$work/root/"
mkdir "$work/root/redis-rl"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -C "$work/root/redis-rl" -xf -
"$venv/bin/python" tests/packages/walk.py --root "$work" ${WALK_MODULE:+--module "$WALK_MODULE"}
