#!/usr/bin/env bash
# make test-llm: runs the programs in examples/llm, and the Python of docs/llm-quotas.md, with the real SDKs against the lab's provider.
#   REDIS_RL_MODULE    the module (default target/release/libredis_rl.so)
#   LLM_PYTHON         Python 3.11 or newer (default python3)
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/setup.sh server venv
: "${REDIS_RL_MODULE:=$PWD/target/release/libredis_rl.so}"
: "${LLM_PYTHON:=python3}"
if ! "$LLM_PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "$LLM_PYTHON is $("$LLM_PYTHON" --version): examples/llm and clients/python need Python 3.11. Name a newer one in LLM_PYTHON." >&2
  exit 1
fi

[ -x .cache/llm/bin/python ] || "$LLM_PYTHON" -m venv .cache/llm
.cache/llm/bin/pip install -q --disable-pip-version-check -r examples/llm/requirements.txt -r tests/llm/requirements.txt 'clients/python[redis]'
server=$(.ci/server.sh)
.cache/llm/bin/python tests/llm/pages.py --server "$server" --module "$REDIS_RL_MODULE"
exec .cache/llm/bin/python tests/llm/run.py --server "$server" --module "$REDIS_RL_MODULE" "$@"
