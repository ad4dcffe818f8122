#!/bin/sh
# The image's entry script. It starts the server of the image, Redis or Valkey, with the module. Its arguments are those of the
# server: first a configuration file, if any, then options, as in  /etc/redis.conf --maxmemory 1gb.  Any other first
# argument is a program to run instead.
set -eu

case "${1:-}" in
  '' | -* | *.conf) ;;
  *) exec "$@" ;;
esac

# The configuration may load the module itself, to give it arguments (policies /etc/policies.toml). Then the script does not
# load it a second time. It looks in the file and in the arguments, not in included files.
load=yes
case "$*" in *libredis_rl.so*) load= ;; esac
case "${1:-}" in
  *.conf) if grep -q '^[[:space:]]*loadmodule[[:space:]].*libredis_rl\.so' "$1"; then load=; fi ;;
esac
if [ -n "$load" ]; then set -- "$@" --loadmodule /usr/local/lib/redis/libredis_rl.so; fi

server=valkey-server
command -v "$server" >/dev/null || server=redis-server
set -- "$server" "$@"

# The official images prepare the server in their own entry script.
if command -v docker-entrypoint.sh >/dev/null; then set -- docker-entrypoint.sh "$@"; fi
exec "$@"
