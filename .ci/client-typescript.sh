#!/usr/bin/env bash
# Tests the TypeScript package: types, all tests on real servers and the lab's provider, and a clean install of what is published.
#   REDIS_RL_MODULE        the module (default target/release/libredis_rl.so)
#   REDIS_RL_COORDINATOR   rl-coordinator (default target/debug/rl-coordinator)
set -euo pipefail
cd "$(dirname "$0")/.."

missing=""
{ command -v node && command -v npm; } >/dev/null || missing="$missing nodejs npm"
command -v redis-server >/dev/null || missing="$missing redis-server"
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -qq -y --no-install-recommends $missing
fi

# Debian 12 has Node 18, and the package needs 20: the registry has it as a package.
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  npm install --silent --no-audit --no-fund --prefix "$PWD/.cache/clients/node" "node-linux-$(node -p process.arch)@20"
  newer=$PWD/.cache/clients/node/node_modules/node-linux-$(node -p process.arch)/bin
  export PATH=$newer:$PATH
fi

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
npm test --silent
