#!/usr/bin/env bash
# Installs a nightly toolchain with the named components if it is missing. Fuzzing and Miri need it.
set -euo pipefail

if ! command -v rustup >/dev/null; then
  echo "needs a nightly toolchain from rustup, but this cargo was installed in another way" >&2
  exit 1
fi
rustc +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
here=$(rustup component list --toolchain nightly --installed)
for component in "$@"; do
  grep -q "^$component" <<<"$here" && continue
  rustup component add --toolchain nightly "$component" || {
    echo "The component $component of nightly could not be fetched. On a machine that can fetch it, run:" >&2
    echo "  rustup toolchain install nightly --component ${*// / }" >&2
    exit 1
  }
done
