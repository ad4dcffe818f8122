#!/usr/bin/env bash
# make sanitize: runs the tests of waiting clients, and the chaos test, on a server that detects each wrong use of memory.
# The server is Redis 7.0.15, built with AddressSanitizer. It also checks the module, because the module allocates through
# the server.
# make memcheck: runs the chaos test on this system's server in valgrind, which also detects uninitialized memory. Slow.
#   REDIS_RL_CHAOS_SECONDS   the duration of the chaos test (default 60)
#   RL_REDIS_SOURCE          a git repository of Redis with its tags, by default the one on GitHub
set -euo pipefail
cd "$(dirname "$0")/.."

export REDIS_RL_CHAOS_SECONDS=${REDIS_RL_CHAOS_SECONDS:-60}
export REDIS_RL_MODULE=${REDIS_RL_MODULE:-$PWD/target/release/libredis_rl.so}
version=7.0.15
cache=$PWD/.cache/sanitize
mkdir -p "$cache"

asan_server() {
  local source=$cache/redis-$version server=$cache/redis-$version/src/redis-server
  if [ ! -x "$server" ]; then
    rm -rf "$source"
    git -c advice.detachedHead=false clone -q --depth 1 --branch "$version" \
      "${RL_REDIS_SOURCE:-https://github.com/redis/redis}" "$source" >&2
    make -C "$source/src" -j "$(getconf _NPROCESSORS_ONLN)" SANITIZER=address MALLOC=libc redis-server \
      >"$cache/build.log" 2>&1 || { tail -n 30 "$cache/build.log" >&2; exit 1; }
  fi
  echo "$server"
}

# Writes a launcher that uses libc's allocator instead of the server's. Child processes that write files are not checked.
valgrind_server() {
  local server=$cache/valgrind-server
  cat >"$server" <<END
#!/bin/sh
exec valgrind --soname-synonyms=somalloc='*jemalloc*' --child-silent-after-fork=yes \\
  --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=30 \\
  --suppressions='$PWD/.ci/valgrind.supp' '$(.ci/server.sh)' "\$@"
END
  chmod +x "$server"
  echo "$server"
}

case ${1:-address} in
  address)
    server=$(asan_server)
    tests=(chaos:: waiting::)
    export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
    ;;
  valgrind)
    .ci/setup.sh valgrind
    server=$(valgrind_server)
    tests=(chaos::)
    export REDIS_RL_CHAOS_SLACK=${REDIS_RL_CHAOS_SLACK:-60} REDIS_RL_DEADLINE=${REDIS_RL_DEADLINE:-600}
    ;;
  *) echo "sanitize.sh: address or valgrind" >&2; exit 2 ;;
esac

REDIS_RL_SERVER=$server cargo test --profile test-fast --test server -- --nocapture "${tests[@]}"
