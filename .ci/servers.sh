#!/usr/bin/env bash
# Fetches a server of .ci/servers.list into a cache folder. The system's own servers and apt stay unchanged.
#
#   .ci/servers.sh         prints the names
#   .ci/servers.sh NAME    prints the path of a program that starts that server; redis-cli is beside it if available
#
# RL_CACHE is the cache folder, .cache/servers by default. It may be removed at any time.
set -euo pipefail

ci=$(cd "$(dirname "$0")" && pwd)
cache=${RL_CACHE:-$ci/../.cache/servers}

if [ $# -eq 0 ]; then
  awk '!/^#/ && NF && !seen[$1]++ { print $1 }' "$ci/servers.list"
  exit
fi

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
name=$1
server=$cache/$name/${name%%-*}-server

# Succeeds if the server starts here and has the version of its name. A suite moves on, and a cache may come from another
# machine.
is_wanted() {
  local version
  version=$("$server" --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
  case $version in
    "${name#*-}".*) ;;
    *) echo "$name: this is version ${version:-?}" >&2; return 1 ;;
  esac
}

if [ -x "$server" ] && is_wanted 2>/dev/null; then
  echo "$server"
  exit
fi

known=
while read -r -a entry; do
  [ "${entry[0]:-}" = "$name" ] || continue
  known=yes
  rm -rf "${cache:?}/$name"
  echo "$name: fetching, ${entry[*]:1:2}" >&2
  if "$ci/fetch-server.sh" "$cache" "${entry[@]}" >&2 && is_wanted; then
    echo "$server"
    exit
  fi
  rm -rf "${cache:?}/$name"
done <"$ci/servers.list"

if [ -n "$known" ]; then
  echo "$name: could not be fetched" >&2
else
  echo "$name: not in .ci/servers.list" >&2
fi
exit 1
