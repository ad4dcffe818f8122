#!/usr/bin/env bash
# Tests the TypeScript package: types, all tests on real servers and the lab's provider, and a clean install of what is published.
# Arguments name tests: client-typescript.sh streams crash
#   REDIS_RL_MODULE        the module (default target/release/libredis_rl.so)
#   REDIS_RL_COORDINATOR   rl-coordinator (default target/debug/rl-coordinator)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=.ci/languages.sh
. .ci/languages.sh

command -v redis-server >/dev/null || apt_install redis-server
python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
use_node "$PWD/.cache/clients/node"

export REDIS_RL_MODULE=${REDIS_RL_MODULE:-$PWD/target/release/libredis_rl.so}
export REDIS_RL_COORDINATOR=${REDIS_RL_COORDINATOR:-$PWD/target/debug/rl-coordinator}
[ -e "$REDIS_RL_MODULE" ] || cargo build --release --locked
[ -e "$REDIS_RL_COORDINATOR" ] || cargo build --locked -p rl-coordinator

# The lab's provider is a program in Python.
lab=$PWD/.cache/clients/lab
[ -x "$lab/bin/python" ] || python3 -m venv "$lab"
"$lab/bin/python" -c 'import aiohttp' 2>/dev/null \
  || "$lab/bin/pip" install -q --disable-pip-version-check "$(grep '^aiohttp==' benches/lab/requirements.txt)"

cd clients/typescript
export npm_config_cache=${npm_config_cache:-$PWD/../../.cache/npm}
npm install --silent --no-audit --no-fund --no-package-lock
npm run --silent build
npm test --silent -- "$@"
