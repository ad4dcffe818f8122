#!/usr/bin/env bash
# Installs what the Python package needs, and runs all of its tests: types, documentation, conformance, real servers, SDKs, the
# wheel. The documentation is then in .cache/client-python/docs.
#   REDIS_RL_MODULE    the module (default target/release/libredis_rl.so, built if it is missing)
#   RL_COORDINATOR     rl-coordinator (default target/debug/rl-coordinator, built if it is missing)
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/setup.sh server venv
: "${REDIS_RL_MODULE:=$PWD/target/release/libredis_rl.so}"
: "${RL_COORDINATOR:=$PWD/target/debug/rl-coordinator}"
if [ ! -f "$REDIS_RL_MODULE" ]; then
  .ci/setup.sh build
  cargo build --release
fi
if [ ! -f "$RL_COORDINATOR" ]; then
  .ci/setup.sh build
  cargo build -p rl-coordinator
fi
REDIS_RL_SERVER=$(.ci/server.sh)
export REDIS_RL_MODULE RL_COORDINATOR REDIS_RL_SERVER

built=$PWD/.cache/client-python
mkdir -p "$built"
[ -x "$built/venv/bin/python" ] || python3 -m venv "$built/venv"
python=$built/venv/bin/python
"$python" -m pip install -q --disable-pip-version-check -r clients/python/tests/requirements.txt -e clients/python

cd clients/python
"$python" -m mypy
"$python" -m pyright --pythonpath "$python"
# The documentation. A name that pdoc cannot resolve is an error.
modules=$(sed -n 's/^_INTEGRATIONS = (\(.*\))/\1/p' src/redis_rl/__init__.py | tr -d '",' | sed 's/[^ ][^ ]*/redis_rl.&/g')
# shellcheck disable=SC2086 # $modules is a list
"$python" -W error::UserWarning -m pdoc --output-directory "$built/docs" redis_rl $modules
exec "$python" -m pytest -q "$@"
