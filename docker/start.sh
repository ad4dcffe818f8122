#!/bin/sh
# The image's entry: starts its server, Redis or Valkey, with the module. Arguments are the server's: an own configuration
# file first, if any, then options, as in  /etc/redis.conf --maxmemory 1gb.  Anything else is a program to run instead.
set -eu

case "${1:-}" in
  '' | -* | *.conf) ;;
  *) exec "$@" ;;
esac

# Who names the module himself, to give it arguments (policies /etc/policies.toml), has it loaded so and once only. It is
# looked for in that file and the arguments, not in files that it includes.
load=yes
case "$*" in *libredis_rl.so*) load= ;; esac
case "${1:-}" in
  *.conf) if grep -q '^[[:space:]]*loadmodule[[:space:]].*libredis_rl\.so' "$1"; then load=; fi ;;
esac
if [ -n "$load" ]; then set -- "$@" --loadmodule /usr/local/lib/redis/libredis_rl.so; fi

server=valkey-server
command -v "$server" >/dev/null || server=redis-server
set -- "$server" "$@"

# The official images prepare the server in a script of their own.
if command -v docker-entrypoint.sh >/dev/null; then set -- docker-entrypoint.sh "$@"; fi
exec "$@"
