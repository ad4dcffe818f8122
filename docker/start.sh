#!/bin/sh
# The image's entry: starts its server, Redis or Valkey, with the module. Arguments are the server's: an own configuration
# file first, if any, then options, as in  /etc/redis.conf --maxmemory 1gb.  Anything else is a program to run instead.
set -eu

case "${1:-}" in
  '' | -* | *.conf) ;;
  *) exec "$@" ;;
esac

server=valkey-server
command -v "$server" >/dev/null || server=redis-server
set -- "$server" "$@" --loadmodule /usr/local/lib/redis/libredis_rl.so

# The official images prepare the server in a script of their own.
if command -v docker-entrypoint.sh >/dev/null; then set -- docker-entrypoint.sh "$@"; fi
exec "$@"
