#!/usr/bin/env bash
# with-server.sh COMMAND …: runs a command while a server with the module runs, whose address is in REDIS_RL_URL.
set -euo pipefail

data=$(mktemp -d)
"${REDIS_RL_SERVER:-redis-server}" --port 0 --unixsocket "$data/socket" --save '' --dir "$data" --logfile "$data/log" \
  --loadmodule "$REDIS_RL_MODULE" &
server=$!
trap 'kill "$server"; wait "$server" || true; rm -rf "$data"' EXIT
tries=0
until [ -S "$data/socket" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 1000 ] || { cat "$data/log" >&2; exit 1; }
  sleep 0.01
done
REDIS_RL_URL=unix://$data/socket "$@"
