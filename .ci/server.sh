#!/usr/bin/env bash
# Prints the path of the server for runs and tests: REDIS_RL_SERVER, else an installed redis-server or valkey-server.
set -euo pipefail
cd "$(dirname "$0")/.."

server=${REDIS_RL_SERVER:-$(command -v redis-server || command -v valkey-server || true)}

# Debian's redis-tools also contains the server: server and redis-check-rdb are one program, which acts by its name.
if [ -z "$server" ] && command -v redis-check-rdb >/dev/null; then
  mkdir -p .cache/bin
  server=$PWD/.cache/bin/redis-server
  ln -sf "$(command -v redis-check-rdb)" "$server"
fi
if [ -z "$server" ]; then
  echo "neither redis-server nor valkey-server is installed" >&2
  exit 1
fi

version=$("$server" --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
case $version in
  [1-6].* | '')
    echo "$server is version ${version:-unknown}: the module needs Redis 7.0 or Valkey 7.2, or newer." >&2
    echo "Set REDIS_RL_SERVER to a newer one; .ci/servers.sh can fetch some." >&2
    exit 1
    ;;
esac
command -v "$server"
