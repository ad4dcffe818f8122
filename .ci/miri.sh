#!/usr/bin/env bash
# make miri: runs the tests of crates/core in an interpreter that sees undefined behaviour. Slow: few cases per property.
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/nightly.sh miri rust-src
# proptest looks for a file of past failures, and Miri allows no file access by default.
export MIRIFLAGS="${MIRIFLAGS:--Zmiri-disable-isolation}" PROPTEST_CASES="${PROPTEST_CASES:-4}"
cargo +nightly miri test -p rl-core "$@"
