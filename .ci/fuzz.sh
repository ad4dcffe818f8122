#!/usr/bin/env bash
# make fuzz: runs each target of crates/core/fuzz for FUZZ_SECONDS (default 60), or those that are named: .ci/fuzz.sh engine.
# It begins with what it has found before and with the seeds, and stops at the first finding.
set -euo pipefail
cd "$(dirname "$0")/../crates/core"

../../.ci/nightly.sh
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
targets=("$@")
if [ $# -eq 0 ]; then
  list=$(cargo +nightly fuzz list)
  mapfile -t targets <<<"$list"
fi
for target in "${targets[@]}"; do
  echo "fuzzing $target for ${FUZZ_SECONDS:-60} s"
  corpus=("fuzz/corpus/$target")
  mkdir -p "${corpus[0]}"
  [ ! -d "fuzz/seeds/$target" ] || corpus+=("fuzz/seeds/$target")
  cargo +nightly fuzz run "$target" "${corpus[@]}" -- -max_total_time="${FUZZ_SECONDS:-60}" -print_final_stats=1
done
