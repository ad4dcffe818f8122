#!/usr/bin/env bash
# make miri: runs the tests of crates/core in an interpreter that detects undefined behaviour. It is slow, so there are few
# cases per property.
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/nightly.sh miri rust-src
# proptest reads a file of past failures, and Miri forbids file access by default.
export MIRIFLAGS="${MIRIFLAGS:--Zmiri-disable-isolation}" PROPTEST_CASES="${PROPTEST_CASES:-4}"
cargo +nightly miri test -p rl-core "$@"
