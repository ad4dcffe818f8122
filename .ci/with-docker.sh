#!/usr/bin/env bash
# Runs a command with a Docker engine:  with-docker.sh COMMAND ...   It uses the engine that `docker` reaches. If there is
# none, the script installs one (on Debian, as root). Unless the system starts that engine, the script starts it for the
# time of the command, with its data in .cache/docker.
set -euo pipefail
cd "$(dirname "$0")/.."

answers() { docker version >/dev/null 2>&1; }
if answers; then exec "$@"; fi

[ "$(id -u)" -eq 0 ] || { echo "no Docker engine answers this user, and only root can start one" >&2; exit 1; }
.ci/setup.sh docker
if answers; then exec "$@"; fi

state=$(mktemp -d)
engine=
# shellcheck disable=SC2317 # called by the trap
clean() {
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null || :
    wait "$engine" || :
  fi
  umount "$state"/exec/netns/* 2>/dev/null || : # the engine leaves the name of the host's network mounted
  rm -rf "$state"
}
trap clean EXIT
export DOCKER_HOST=unix://$state/docker.sock

# In a container, setting up a packet filter or a bridge may be impossible. So this tries with fewer of them each time.
for network in '' '--iptables=false --ip6tables=false' '--iptables=false --bridge=none'; do
  # shellcheck disable=SC2086 # $network is a list
  dockerd --host "$DOCKER_HOST" --data-root "$PWD/.cache/docker" --exec-root "$state/exec" --pidfile "$state/pid" $network \
    >"$state/log" 2>&1 &
  engine=$!
  for _ in $(seq 300); do
    if answers || ! kill -0 "$engine" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if answers; then
    echo "started an engine${network:+ with $network}"
    status=0
    "$@" || status=$?
    exit "$status"
  fi
  kill "$engine" 2>/dev/null || :
  wait "$engine" || :
  engine=
done
tail -n 20 "$state/log" >&2
echo "no Docker engine could be started" >&2
exit 1
