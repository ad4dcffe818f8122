#!/usr/bin/env bash
# make test-package: installs the Debian package on a clean root, as on a separate machine, and asks the server that the system
# starts there. After a restart the server knows RL.SLIDE. After removal it does not, and its configuration is as before.
# Needs root. DEBIAN_MIRROR, if set, is the archive to use.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${SUITE:-bookworm}
deb=$(ls target/package/*.deb)
root=$(.ci/debian-root.sh "$suite")

work=$(mktemp -d)
chmod 755 "$work" # the server does not run as root
inside() { chroot "$work" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
# shellcheck disable=SC2317 # called by the trap
clean() {
  inside service redis-server stop >/dev/null 2>&1 || :
  umount "$work/proc" 2>/dev/null || :
  rm -rf "$work"
}
trap clean EXIT
tar -C "$work" -xf "$root"
mount -t proc proc "$work/proc"
# Keeps apt from starting services in this root: their ports are also this machine's.
printf '#!/bin/sh\nexit 101\n' >"$work/usr/sbin/policy-rc.d"
chmod +x "$work/usr/sbin/policy-rc.d"
cp "$deb" "$work/tmp/redis-rl.deb"

fail() { echo "test-package: $*" >&2; exit 1; }
ask() { inside redis-cli -p 16379 "$@" 2>&1; }
restart() {
  inside service redis-server restart >/dev/null
  for _ in $(seq 100); do
    [ "$(ask PING)" = PONG ] && return
    sleep 0.1 # polls: only an answer shows that the server has started
  done
  cat "$work/var/log/redis/redis-server.log" >&2 || :
  fail "the server does not answer"
}
# Shows the output of apt only when it fails.
apt() { inside apt-get -qq -y "$@" >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; fail "apt-get $*"; }; }

apt update
apt install --no-install-recommends redis-server
inside sed -i 's/^port 6379/port 16379/' /etc/redis/redis.conf
before=$(inside cat /etc/redis/redis.conf)
restart
case $(ask RL.SLIDE key 5 60) in *"unknown command"*) ;; *) fail "the module is already there" ;; esac

apt install /tmp/redis-rl.deb
restart
[ "$(ask RL.SLIDE key 5 60 | tr '\n' ' ')" = "1 5 4 0 60000 " ] || fail "RL.SLIDE: $(ask RL.SLIDE key 5 60)"
restart
[ "$(ask RL.PEEK key | sed -n 3p)" = 4 ] || fail "used cost is gone after a restart: $(ask RL.PEEK key)"
[ "$(ask CONFIG GET rl.max-waiters | tail -n 1)" = 100000 ] || fail "no settings"

apt remove redis-rl
[ "$(inside cat /etc/redis/redis.conf)" = "$before" ] || fail "the configuration has changed"
inside service redis-server stop >/dev/null
inside rm /var/lib/redis/dump.rdb # only a server with the module can read it
restart
case $(ask RL.SLIDE key 5 60) in *"unknown command"*) ;; *) fail "the module is still there" ;; esac

apt install /tmp/redis-rl.deb
apt purge redis-rl
[ ! -e "$work/etc/redis/redis-rl.conf" ] || fail "its settings file is left after a purge"
echo "installed, asked, restarted, removed: $deb on $suite"
