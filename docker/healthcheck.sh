#!/bin/sh
# Healthy means that the server answers a command of the module. Set PORT if it is not 6379, and REDISCLI_AUTH if the server
# asks for a password.
set -u

cli=valkey-cli
command -v "$cli" >/dev/null || cli=redis-cli
answer=$("$cli" -e -p "${PORT:-6379}" RL.PEEK healthcheck 2>&1) && exit 0

# A node of a cluster may not have the key's slot, or any slot yet. But it knows the command, so it is healthy.
case $answer in MOVED* | CLUSTERDOWN*) exit 0 ;; esac
echo "$answer"
exit 1
