#!/usr/bin/env bash
# make test-pages: runs the shell lines in README.md, docs/ and examples/README.md unchanged.
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/setup.sh build server venv
[ -x .cache/pages/bin/python3 ] || python3 -m venv .cache/pages
exec python3 tests/pages/shell.py --server "$(.ci/server.sh)" --venv "$PWD/.cache/pages"
