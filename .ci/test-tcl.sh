#!/usr/bin/env bash
# make test-tcl: runs the Tcl test suite of Redis 7.0.15 on its own server, without the module and with it. Fails if a test that
# passes without the module does not pass with it. Takes about 12 minutes.
#   TCL_TESTS         the units to run, such as "unit/multi integration/aof"; all of them by default
#   TCL_TAGS          tests to run or to leave out, by tag. The default is "-slow -defrag": active defragmentation takes as long
#                     as all the others, has no key of the module to move there, and fails on a machine with other load
#   TCL_CLIENTS       how many units run at the same time (default 2)
#   RL_REDIS_SOURCE   a git repository of Redis with its tags, by default the one on GitHub
set -euo pipefail
cd "$(dirname "$0")/.."

# A test that must fail with the module, and the reason that it gives. It sets each setting to the value that it has, and knows the
# immutable settings of the server, not those of modules.
known="CONFIG sanity"
reason="'rl.cl-throttle') - can't set immutable config"

version=7.0.15
cache=$PWD/.cache/tcl
source=$cache/redis-$version
module=$(realpath "$REDIS_RL_MODULE")
tests=${TCL_TESTS:-}
mkdir -p "$cache"

build() {
  [ ! -f "$source/built" ] || return 0
  rm -rf "$source"
  git -c advice.detachedHead=false clone -q --depth 1 --branch "$version" \
    "${RL_REDIS_SOURCE:-https://github.com/redis/redis}" "$source"
  echo "building Redis $version"
  make -C "$source" -j "$(getconf _NPROCESSORS_ONLN)" >"$cache/build.log" 2>&1 \
    || { tail -n 30 "$cache/build.log" >&2; exit 1; }
  touch "$source/built"
}

# Runs units: run LOG UNITS OPTION...  A test that fails is in the log, and does not end the run. What a machine with other load
# cannot promise is not measured. The names of the tests of PSYNC2 say what was chosen at random, and are made alike.
run() {
  local log=$1 unit options=()
  for unit in $2; do options+=(--single "$unit"); done
  (cd "$source" && ./runtest --durable --dont-clean --no-latency --clients "${TCL_CLIENTS:-2}" --tags "${TCL_TAGS:--slow -defrag}" \
    "${options[@]}" "${@:3}" </dev/null) 2>&1 \
    | sed -e 's/\x1b\[[0-9;]*m//g' -e '/PSYNC2/s/\(#\|x = \|CYCLE \)[0-9]\+/\1N/g' >"$log" || true
  grep -q '^ *The End$' "$log" || { tail -n 30 "$log" >&2; echo "FAILED: the suite did not reach its end" >&2; exit 1; }
}

passed() { sed -n 's/^\[ok\]: \(.*\) ([0-9]* ms)$/\1/p' "$1" | sort | awk '!(/^PSYNC2/ && seen[$0]++)'; }
failed() { sed -n 's/^\[err\]: \(.*\) in tests\/.*/\1/p' "$1" | sort; }

# Compares both runs: compare ROUND UNITS.  Writes the tests that pass only without the module, and those that fail only with it, to
# ROUND.lost.
compare() {
  local round=$1 loaded run
  run "$round.without.log" "$2"
  run "$round.with.log" "$2" --config loadmodule "$module"
  loaded=$(grep -rl --include=stdout "Module 'rl' loaded" "$source/tests/tmp" | wc -l)
  [ "$loaded" -gt 0 ] || { echo "FAILED: no server loaded the module" >&2; exit 1; }
  for run in without with; do
    passed "$round.$run.log" >"$round.$run.ok"
    failed "$round.$run.log" >"$round.$run.err"
  done
  { comm -23 "$round.without.ok" "$round.with.ok"; comm -13 "$round.without.err" "$round.with.err"; } | sort -u >"$round.lost"
  printf 'without the module %5d passed, %3d failed\n' "$(grep -c '^\[ok\]' "$round.without.log")" "$(wc -l <"$round.without.err")"
  printf 'with the module    %5d passed, %3d failed, on %d servers that loaded it\n' \
    "$(grep -c '^\[ok\]' "$round.with.log")" "$(wc -l <"$round.with.err")" "$loaded"
}

# The units in which a lost test of a round has failed.
units_of_lost() {
  sed -n 's/^\[err\]: \(.*\) in tests\/\(.*\)\.tcl$/\2\t\1/p' "$1.with.log" \
    | awk -F '\t' 'NR == FNR { lost[$0]; next } $2 in lost { print $1 }' "$1.lost" - | sort -u
}

.ci/setup.sh build tcl
build
first=$cache/first second=$cache/second status=0
rm -f "$cache"/*.lost
compare "$first" "$tests"

if grep -Fxq "$known" "$first.with.ok"; then
  echo "FAILED: '$known' passes with the module: the script need not expect its failure any more"
  status=1
elif grep -Fxq "$known" "$first.lost" && grep -Fq "$reason" "$first.with.log"; then
  awk -v name="$known" '$0 != name' "$first.lost" >"$first.rest"
  mv "$first.rest" "$first.lost"
fi

# Some tests depend on the time that they take. Units with lost tests run a second time, both without and with the module. A test
# has failed if it is lost again, or if it was not tried again because nobody knows its unit.
if [ -s "$first.lost" ]; then
  echo "lost at the first try:"
  sed 's/^/  /' "$first.lost"
  again=$(units_of_lost "$first")
  : >"$second.lost"
  : >"$second.tried"
  if [ -n "$again" ]; then
    compare "$second" "$again"
    cat "$second.without.ok" "$second.without.err" >"$second.tried"
  fi
  grep -Fxv -f "$second.tried" "$first.lost" >"$cache/failed" || true
  grep -Fx -f "$second.lost" "$first.lost" >>"$cache/failed" || true
  if [ -s "$cache/failed" ]; then
    echo "FAILED: these tests pass without the module and do not pass with it; logs are in .cache/tcl"
    sed 's/^/  /' "$cache/failed"
    status=1
  fi
fi
exit $status
