#!/usr/bin/env bash
# make test-dashboard: tests the coordinator's page in a headless Chromium, with a real coordinator behind it.
#   RL_BROWSER    the browser (default: chromium or Chrome in the PATH, else Debian's package is installed)
#   RL_PICTURES   a folder for pictures of the page (default .cache/dashboard/pictures)
#   RL_PICTURES_SECONDS   seconds of traffic before the pictures are taken (default 10; plots show 300)
# Arguments are passed to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/setup.sh build server venv
browser() { command -v "${RL_BROWSER:-chromium}" chromium-browser google-chrome google-chrome-stable | head -n 1; }
[ -n "$(browser)" ] || .ci/setup.sh chromium
RL_BROWSER=$(browser)
export RL_BROWSER RL_PICTURES=${RL_PICTURES:-$PWD/.cache/dashboard/pictures}

cargo build -p rl-coordinator
RL_REDIS_SERVER=$(.ci/server.sh)
: "${REDIS_RL_MODULE:=$PWD/target/release/libredis_rl.so}"
export RL_REDIS_SERVER REDIS_RL_MODULE RL_COORDINATOR=${CARGO_TARGET_DIR:-$PWD/target}/debug/rl-coordinator

python=$PWD/.cache/dashboard/bin/python
[ -x "$python" ] || python3 -m venv .cache/dashboard
"$python" -m pip install -q --disable-pip-version-check -r tests/dashboard/requirements.txt
exec "$python" -m pytest -q -p no:cacheprovider tests/dashboard "$@"
