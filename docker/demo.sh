#!/bin/sh
# The demo client of compose.yaml. It asks for ten requests in any ten seconds (WINDOW). All clients that ask for the same key share
# this limit: with `docker compose up --scale demo=5`, all five together get ten.
set -u

cli=valkey-cli
command -v "$cli" >/dev/null || cli=redis-cli
while :; do
  # shellcheck disable=SC2046 # five integers, each one word
  set -- $("$cli" -e -h "${SERVER:-server}" RL.SLIDE demo 10 "${WINDOW:-10}" 2>&1)
  case ${1:-} in
    1) echo "admitted, $3 remaining"; pause=200 ;;
    0) echo "denied, again in $4 ms"; pause=$4 ;;
    *) echo "no decision: $*"; pause=1000 ;;
  esac
  sleep "$(printf '%d.%03d' $((pause / 1000)) $((pause % 1000)))"
done
