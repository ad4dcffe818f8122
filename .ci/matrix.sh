#!/usr/bin/env bash
# make test-matrix: runs the integration tests on each server of .ci/servers.list, or on the servers in MATRIX.
# With MATRIX_TESTS="cluster waiting" only the tests with such names.
# Fails if a test fails, if fewer than MATRIX_MIN servers (default 3) are available, or if there is something that none of three
# or more servers has tested. A table at the end lists them, and what each has not tested.
set -euo pipefail
cd "$(dirname "$0")/.."

# The servers load the module that users get, not one of the tests' profile.
export REDIS_RL_MODULE=${REDIS_RL_MODULE:-$PWD/target/release/libredis_rl.so}
matrix=${MATRIX:-$(.ci/servers.sh)}
logs=$PWD/.cache/matrix
mkdir -p "$logs"

.ci/setup.sh languages

# Compiles once, and fails here if that fails.
cargo test --profile test-fast --test '*' --no-run

rows="" missing="" untested="" had=0 passed=0 failed=0
for name in $matrix; do
  if ! server=$(.ci/servers.sh "$name"); then
    missing="$missing $name"
    rows+=$(printf '%-12s MISSING' "$name")$'\n'
    continue
  fi
  had=$((had + 1))
  version=$("$server" --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
  echo "== $name: $server"
  status=0
  # shellcheck disable=SC2086 # each word is a name
  REDIS_RL_SERVER=$server cargo test --profile test-fast --no-fail-fast --test '*' -- ${MATRIX_TESTS:-} 2>&1 | tee "$logs/$name.log" || status=$?
  # Each test file ends with: test result: ok. 12 passed; 0 failed; ...
  read -r ok bad < <(awk '/^test result:/ { ok += $4; bad += $6 } END { print ok + 0, bad + 0 }' "$logs/$name.log")
  # A run without a result, or without any test, has not passed.
  if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$ok" -eq 0 ]; }; then bad=1; fi
  passed=$((passed + ok)) failed=$((failed + bad))
  rows+=$(printf '%-12s %-8s %6d %6d' "$name" "$version" "$ok" "$bad")$'\n'
  # A test that has nothing to look at on a server says so: NOT TESTED: what: why.
  untested+=$(grep -o 'NOT TESTED: .*' "$logs/$name.log" | sed "s/^NOT TESTED/$name did not test/" | sort -u || true)$'\n'
done

# What none of them has tested. One or two servers need not test everything.
nowhere=""
[ "$had" -lt 3 ] || nowhere=$(awk -F ': ' -v had="$had" '
  NF > 1 && !seen[$1, $2]++ && ++count[$2] == had { print "FAILED: no server has tested " $2 }' <<<"$untested")

printf '\n%-12s %-8s %6s %6s\n%s\n' server version passed failed "$rows"
[ -z "$missing" ] || echo "MISSING, so not tested:$missing (the reasons are above)"
[ "$had" -ge "${MATRIX_MIN:-3}" ] || echo "FAILED: $had servers are available, at least ${MATRIX_MIN:-3} are required"
sed '/^$/d' <<<"$untested"
[ -z "$nowhere" ] || echo "$nowhere"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$had" -ge "${MATRIX_MIN:-3}" ] && [ -z "$nowhere" ]
