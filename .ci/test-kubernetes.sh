#!/usr/bin/env bash
# make test-kubernetes: checks examples/kubernetes against the schemas of several versions of Kubernetes, which are in a Python
# package. Then it starts a server with the configuration of the example. It needs no cluster and starts none.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${REDIS_RL_MODULE:=$PWD/target/release/libredis_rl.so}"
python=$PWD/.cache/kubernetes
.ci/setup.sh server venv
[ -x "$python/bin/python" ] || python3 -m venv "$python"
"$python/bin/pip" install -q --disable-pip-version-check kubernetes-validate==1.37.0

for version in ${KUBERNETES_VERSIONS:-1.31 1.34 1.37}; do
  "$python/bin/kubernetes-validate" --strict --quiet -k "$version" examples/kubernetes/*.yaml
done
exec "$python/bin/python" tests/kubernetes/run.py --server "$(.ci/server.sh)" --module "$REDIS_RL_MODULE"
