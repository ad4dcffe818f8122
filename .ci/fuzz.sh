#!/usr/bin/env bash
# make fuzz: runs each target of crates/core/fuzz for FUZZ_SECONDS (default 60). It stops at the first finding.
set -euo pipefail
cd "$(dirname "$0")/../crates/core"

../../.ci/nightly.sh
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
targets=$(cargo +nightly fuzz list)
for target in $targets; do
  echo "fuzzing $target for ${FUZZ_SECONDS:-60} s"
  cargo +nightly fuzz run "$target" -- -max_total_time="${FUZZ_SECONDS:-60}" -print_final_stats=1
done
