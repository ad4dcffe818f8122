#!/usr/bin/env bash
# make test-coordinator: rl-coordinator as it runs, against its own OpenAPI document. schemathesis makes requests of what the
# document says and of what it does not, and finds each answer that the document does not tell of.
#   COORDINATOR_EXAMPLES   how many of each kind (default 100)
set -euo pipefail
cd "$(dirname "$0")/.."

python=$PWD/.cache/coordinator
.ci/setup.sh build venv
[ -x "$python/bin/python" ] || python3 -m venv "$python"
"$python/bin/pip" install -q --disable-pip-version-check schemathesis==4.32.5
cargo build -p rl-coordinator
program=${CARGO_TARGET_DIR:-target}/debug/rl-coordinator

work=$(mktemp -d)
server=
# shellcheck disable=SC2317 # called by the trap
clean() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || :
  wait || :
  rm -rf "$work"
}
trap clean EXIT

# Whoever waits does so for a moment: what is made up may ask for years.
printf 'listen = "127.0.0.1:0"\n[bounds]\nwait = "50ms"\n' >"$work/config.toml"
"$program" --config "$work/config.toml" 2>"$work/log" &
server=$!
address=
for _ in $(seq 100); do
  address=$(sed -n 's,.*listening on \(http://[^ ]*\).*,\1,p' "$work/log")
  if [ -n "$address" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
  sleep 0.1
done
[ -n "$address" ] || { cat "$work/log" >&2; exit 1; }

# A stream does not end; that one is read in crates/coordinator/tests.
"$python/bin/schemathesis" --config-file crates/coordinator/schemathesis.toml run "$address/openapi.json" \
  --exclude-operation-id watch --max-examples "${COORDINATOR_EXAMPLES:-100}" --request-timeout 10
kill "$server"
wait "$server" || { echo "rl-coordinator did not end as it should" >&2; exit 1; }
server=
if grep -q panicked "$work/log"; then cat "$work/log" >&2; exit 1; fi
