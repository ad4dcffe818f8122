#!/usr/bin/env bash
# make lint: checks format, lints, dependencies and scripts. It runs all checks, then fails if one of them found a fault.
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/setup.sh build shellcheck
for part in fmt clippy; do
  cargo $part --version >/dev/null || { echo "cargo $part is missing: rustup component add rustfmt clippy" >&2; exit 1; }
done
# The unoptimized program builds in half the time, and runs for a second.
command -v cargo-deny >/dev/null || cargo install cargo-deny --locked --debug

failed=
try() {
  echo "+ $*"
  "$@" || failed="$failed"$'\n'"  $*"
}

try cargo fmt --all --check
try cargo fmt --manifest-path tests/redis-cell-clients/Cargo.toml --check
try cargo fmt --manifest-path clients/rust/Cargo.toml --check
try cargo clippy --workspace --all-targets -- -D warnings

# The advisories are in a git repository outside the package registry. A closed network cannot reach it.
unchecked=
if cargo deny --config .ci/deny.toml fetch db; then
  try cargo deny --workspace --config .ci/deny.toml check advisories bans licenses sources
else
  unchecked=yes
  try cargo deny --workspace --config .ci/deny.toml check bans licenses sources
fi

scripts=(.ci/run .ci/*.sh clients/rust/tests/*.sh)
for script in docker/*.sh packaging/deb/*; do [ ! -f "$script" ] || scripts+=("$script"); done
try shellcheck "${scripts[@]}"

try .ci/lint-structure.sh

[ -z "$unchecked" ] || echo "NOT CHECKED: security advisories of the dependencies, since their database could not be fetched"
if [ -n "$failed" ]; then
  echo "lint failed:$failed" >&2
  exit 1
fi
echo "lint: clean"
