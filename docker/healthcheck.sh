#!/bin/sh
# Healthy: the server answers a command of the module. PORT if it is not 6379; REDISCLI_AUTH if it asks for a password.
set -u

cli=valkey-cli
command -v "$cli" >/dev/null || cli=redis-cli
answer=$("$cli" -e -p "${PORT:-6379}" RL.PEEK healthcheck 2>&1) && exit 0

# A node of a cluster may not have the key's slot, or none yet: it knew the command, and that is what is asked.
case $answer in MOVED* | CLUSTERDOWN*) exit 0 ;; esac
echo "$answer"
exit 1
