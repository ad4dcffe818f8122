#!/usr/bin/env bash
# How the code is laid out: no file imports another in a circle, and no file is long without a reason.
# make lint runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
.ci/import-circles.py || status=1
.ci/long-files.sh || status=1
exit $status
