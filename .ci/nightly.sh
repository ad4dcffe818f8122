#!/usr/bin/env bash
# Makes sure of a nightly toolchain with the components named; fuzzing and Miri need it.
set -euo pipefail

if ! command -v rustup >/dev/null; then
  echo "needs a nightly toolchain by rustup: this cargo was installed some other way" >&2
  exit 1
fi
rustc +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
here=$(rustup component list --toolchain nightly --installed)
for component in "$@"; do
  grep -q "^$component" <<<"$here" && continue
  rustup component add --toolchain nightly "$component" || {
    echo "The component $component of nightly could not be fetched. Where it can be:" >&2
    echo "  rustup toolchain install nightly --component ${*// / }" >&2
    exit 1
  }
done
