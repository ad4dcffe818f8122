#!/usr/bin/env bash
# make test-coordinator: tests the running rl-coordinator against its own OpenAPI document. schemathesis sends valid and invalid
# requests, and reports each answer that the document does not describe.
#   COORDINATOR_EXAMPLES   the number of requests of each kind (default 100)
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

# Bounds the waits: a generated request may ask for a wait of years. The token may change policies.
token=a-token-for-this-test
cat >"$work/config.toml" <<END
listen = "127.0.0.1:0"
[bounds]
wait = "50ms"
[[token]]
name = "test"
token = "$token"
policies = true
END
"$program" --config "$work/config.toml" 2>"$work/log" &
server=$!
address=
for _ in $(seq 100); do
  address=$(sed -n 's,.*listening on \(http://[^ ]*\).*,\1,p' "$work/log")
  if [ -n "$address" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
  sleep 0.1
done
[ -n "$address" ] || { cat "$work/log" >&2; exit 1; }

# The stream /v1/watch does not end, so it is left out. crates/coordinator/tests reads it.
"$python/bin/schemathesis" --config-file crates/coordinator/schemathesis.toml run "$address/openapi.json" \
  --exclude-operation-id watch --max-examples "${COORDINATOR_EXAMPLES:-100}" --request-timeout 10 \
  --header "Authorization: Bearer $token"
kill "$server"
wait "$server" || { echo "rl-coordinator did not end cleanly" >&2; exit 1; }
server=
if grep -q panicked "$work/log"; then cat "$work/log" >&2; exit 1; fi
