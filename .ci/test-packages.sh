#!/usr/bin/env bash
# make test-packages: a sample of the tests of clients/, in under four minutes: the conformance list in all languages, the basics on real
# servers, and the code on the pages. .ci/client-*.sh run all tests of a package.
#   REDIS_RL_MODULE   the module (default target/release/libredis_rl.so)
#   RL_COORDINATOR    rl-coordinator (default target/debug/rl-coordinator)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=.ci/languages.sh
. .ci/languages.sh

.ci/setup.sh server venv
target=${CARGO_TARGET_DIR:-$PWD/target}
: "${REDIS_RL_MODULE:=$target/release/libredis_rl.so}"
: "${RL_COORDINATOR:=$target/debug/rl-coordinator}"
REDIS_RL_SERVER=$(.ci/server.sh)
export REDIS_RL_MODULE RL_COORDINATOR REDIS_RL_SERVER REDIS_RL_COORDINATOR=$RL_COORDINATOR
use_node "$PWD/.cache/clients/node"
use_go 1.26.0 # the tests use the newest clients, which need this version

step() { echo "test-packages: $* (after $SECONDS s)"; }

step Python
venv=$PWD/.cache/packages/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
lab=$(grep '^aiohttp==' benches/lab/requirements.txt)
"$venv/bin/pip" install -q --disable-pip-version-check pytest pytest-asyncio redis valkey anthropic fastapi httpx "$lab" -e clients/python
(cd clients/python && "$venv/bin/python" -m pytest -q -o addopts=--import-mode=importlib -k 'not applications and not claude' \
  tests/test_conformance.py tests/test_reservation.py tests/test_examples.py)

# The package's folder would get the SDKs and frameworks of all of its tests. A copy has what these tests need, and the same depth: its
# tests find the repository two folders above.
step TypeScript
node=$PWD/.cache/typescript
mkdir -p "$node"
rm -rf "$node"/{src,test,examples,scripts,build,dist}
cp -r clients/typescript/{src,scripts,package.json,tsconfig*.json} "$node"
mkdir "$node/test" "$node/examples"
cp -r clients/typescript/test/support clients/typescript/test/{conformance,scopes,first,examples}.test.ts "$node/test"
cp clients/typescript/examples/{limits,quota,waiting,reservation,feedback,failure,own-client}.ts "$node/examples"
# shellcheck disable=SC2016
node -e '
  const [, file] = process.argv
  const { readFileSync, writeFileSync } = require("node:fs")
  const has = JSON.parse(readFileSync(file))
  const wanted = ["@anthropic-ai/sdk", "@types/node", "ioredis", "redis", "typescript"]
  has.devDependencies = Object.fromEntries(wanted.map((name) => [name, has.devDependencies[name]]))
  writeFileSync(file, JSON.stringify(has, null, 2))
' "$node/package.json"
(
  cd "$node"
  export npm_config_cache=${npm_config_cache:-$PWD/../npm}
  npm install --silent --no-audit --no-fund --no-package-lock
  npm run --silent build
  npm test --silent >test.log || { grep -A 20 '^ *not ok' test.log; exit 1; }
  grep -E '^# (tests|pass|fail) ' test.log
)

step Go
go -C clients/go test -count=1 . ./internal/... ./profile
go -C clients/go/rlgoredis test -count=1 .
go -C clients/go/tests test -count=1 -run 'Session|Reservation|First' .

# One build serves these tests and the code on the pages.
step Rust
(
  export CARGO_TARGET_DIR=${RUST_CLIENT_TARGET:-$PWD/.cache/client-rust}
  cd clients/rust
  cargo test --quiet --locked --features reqwest-middleware,tower --test all -- cases:: sessions:: reserve::a_reservation_that layer:: profiles:: \
    provider::settled::
)

step pages
"$venv/bin/python" tests/packages/pages.py
step 'all passed'
