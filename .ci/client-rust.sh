#!/usr/bin/env bash
# Runs all tests of clients/rust. It fails if one of them does, or if rustfmt, clippy or rustdoc find something.
#   REDIS_RL_MODULE   the module (default: target/release/libredis_rl.so, which is built if it is missing)
#   RL_COORDINATOR    rl-coordinator (default: target/debug/rl-coordinator, which is built if it is missing)
#   REDIS_RL_SERVER   the server (default: an installed one)
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/setup.sh server venv
command -v cc >/dev/null || .ci/setup.sh build # TLS of the feature https is in C
lab=$PWD/.cache/clients/lab-rust
[ -x "$lab/bin/python" ] || python3 -m venv "$lab"
"$lab/bin/pip" install -q --disable-pip-version-check "$(grep '^aiohttp==' benches/lab/requirements.txt)"
: "${LAB_PYTHON:=$lab/bin/python}"
REDIS_RL_SERVER=$(.ci/server.sh)
target=${CARGO_TARGET_DIR:-$PWD/target}
: "${REDIS_RL_MODULE:=$target/release/libredis_rl.so}"
: "${RL_COORDINATOR:=$target/debug/rl-coordinator}"
[ -f "$REDIS_RL_MODULE" ] || { .ci/setup.sh build && cargo build --release; }
[ -f "$RL_COORDINATOR" ] || { .ci/setup.sh build && cargo build -p rl-coordinator; }
# Also where tests/packages/pages.py builds, so that both share what they compile.
export CARGO_TARGET_DIR=${RUST_CLIENT_TARGET:-$PWD/.cache/client-rust}
export REDIS_RL_MODULE RL_COORDINATOR REDIS_RL_SERVER LAB_PYTHON

cd clients/rust
failed=
try() {
  echo "+ $*"
  "$@" || failed="$failed"$'\n'"  $*"
}

try cargo fmt --check
try cargo clippy --locked --all-features --all-targets -- -D warnings
for features in '' redis http tower profiles provider; do
  try cargo clippy --locked --no-default-features --features "$features" -- -D warnings
done
try cargo test --locked --features reqwest-middleware,tower --lib --test all
# The examples of the documentation, and a program that uses what would be published, ask a server of their own.
try tests/with-server.sh env RUSTDOCFLAGS='-D warnings' cargo test --locked --features reqwest-middleware,tower --doc
try env RUSTDOCFLAGS='-D warnings' cargo doc --locked --all-features --no-deps
try tests/with-server.sh tests/published.sh

if [ -n "$failed" ]; then
  echo "client-rust failed:$failed" >&2
  exit 1
fi
