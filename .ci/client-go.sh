#!/usr/bin/env bash
# Installs what the tests of clients/go need, and runs all of them. It fails if one of them does, or if gofmt, go vet or
# staticcheck find something.
#   REDIS_RL_MODULE   the module (default: target/release/libredis_rl.so, which is built if it is missing)
#   RL_COORDINATOR    rl-coordinator (default: target/debug/rl-coordinator, which is built if it is missing)
#   REDIS_RL_SERVER   the server (default: redis-server)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=.ci/languages.sh
. .ci/languages.sh

staticcheck=v0.8.2
aiohttp=3.14.5
cache=$PWD/.cache/client-go
mkdir -p "$cache"

use_go 1.26.0 # the tests use the newest clients, which need this version
# The race detector needs a C compiler.
command -v cc >/dev/null || apt_install gcc libc6-dev
command -v "${REDIS_RL_SERVER:-redis-server}" >/dev/null || apt_install redis-server
python3 -c 'import ensurepip' 2>/dev/null || apt_install python3 python3-venv

if [ ! -x "$cache/bin/staticcheck" ]; then
  GOBIN=$cache/bin go install "honnef.co/go/tools/cmd/staticcheck@$staticcheck"
fi
[ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
"$cache/venv/bin/pip" install -q --disable-pip-version-check "aiohttp==$aiohttp"
export LAB_PYTHON=$cache/venv/bin/python

: "${REDIS_RL_MODULE:=$PWD/target/release/libredis_rl.so}"
: "${RL_COORDINATOR:=$PWD/target/debug/rl-coordinator}"
[ -f "$REDIS_RL_MODULE" ] || { .ci/setup.sh build && cargo build --release; }
[ -f "$RL_COORDINATOR" ] || { .ci/setup.sh build && cargo build -p rl-coordinator; }
export REDIS_RL_MODULE RL_COORDINATOR

cd clients/go
failed=
try() {
  echo "+ $*"
  "$@" || failed="$failed"$'\n'"  $*"
}

is_formatted() {
  local files
  files=$(gofmt -l .)
  [ -z "$files" ] || { echo "gofmt: $files" >&2; return 1; }
}
try is_formatted

for module in . rlgoredis rlrueidis tests; do
  try go -C "$module" vet ./...
  try env -C "$module" "$cache/bin/staticcheck" ./...
  try go -C "$module" test -race -count=1 ./...
done
# The SDKs take minutes to build, so they are not built a second time for the race detector.
try go -C tests/sdk vet ./...
try go -C tests/sdk test -count=1 ./...

if [ -n "$failed" ]; then
  echo "client-go failed:$failed" >&2
  exit 1
fi
