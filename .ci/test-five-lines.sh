#!/usr/bin/env bash
# make test-five-lines: the five lines of the pages, in clean projects, by 50 processes against the lab's provider. Arguments are those of
# tests/packages/five_lines.py.
#   REDIS_RL_MODULE   the module (default target/release/libredis_rl.so)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=.ci/languages.sh
. .ci/languages.sh

.ci/setup.sh server venv
: "${REDIS_RL_MODULE:=${CARGO_TARGET_DIR:-$PWD/target}/release/libredis_rl.so}"
REDIS_RL_SERVER=$(.ci/server.sh)
export REDIS_RL_MODULE REDIS_RL_SERVER
use_node "$PWD/.cache/clients/node"

venv=$PWD/.cache/packages/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
lab=$(grep '^aiohttp==' benches/lab/requirements.txt)
"$venv/bin/pip" install -q --disable-pip-version-check build hatchling redis "$lab" -e clients/python
(
  cd clients/typescript
  export npm_config_cache=${npm_config_cache:-$PWD/../../.cache/npm}
  npm install --silent --no-audit --no-fund --no-package-lock
  npm run --silent build
)
exec "$venv/bin/python" tests/packages/five_lines.py "$@"
