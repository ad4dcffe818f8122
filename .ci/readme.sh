#!/usr/bin/env bash
# The first two commands of README.md, as they stand there, but on a port of their own: they work on this checkout.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "readme.sh: $*" >&2; exit 1; }
# shellcheck disable=SC2016 # no expansion
mapfile -t lines < <(sed -n '/^```$/,/^```$/p' README.md | sed -n 2,3p)
[ "${lines[0]}" = "make run" ] || fail "README.md begins with something else: ${lines[0]}"
[[ "${lines[1]}" == "redis-cli "* ]] || fail "README.md goes on with something else: ${lines[1]}"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
PORT=$port ${lines[0]} &
run=$!
trap 'kill "$run" 2>/dev/null || :' EXIT
cli="redis-cli -p $port"
until [ "$($cli PING 2>/dev/null)" = PONG ]; do
  kill -0 "$run" 2>/dev/null || fail "make run has ended"
  sleep 0.2 # it builds, and may be long about it
done
read -ra words <<<"${lines[1]#redis-cli }"
answer=$($cli "${words[@]}" | tr '\n' ' ')
[ "$answer" = "1 500 499 0 60000 " ] || fail "${lines[1]}: $answer"
$cli SHUTDOWN NOSAVE || :
wait "$run" || fail "make run ended with $?"
echo "readme.sh: the first two commands of README.md work"
