#!/usr/bin/env bash
# make run: builds the module and starts a server with it on 127.0.0.1, in the foreground, to try things out.
# PORT is its port, 6379 by default. No data is kept: the next start empties the folder.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-6379}
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  echo "Port $port on 127.0.0.1 is taken. Choose another: make run PORT=6390" >&2
  exit 1
fi

.ci/setup.sh build server
server=$(.ci/server.sh)
cargo build --release

data=$PWD/.cache/run/$port
rm -rf "$data"
mkdir -p "$data"
option=
[ "$port" = 6379 ] || option=" -p $port"
cat <<END

$("$server" --version | cut -d' ' -f1-3) with the module, on 127.0.0.1:$port, data in .cache/run/$port. Ctrl-C stops it. Try:

  redis-cli$option RL.SLIDE key 500 60

END
# With exec, the server itself gets Ctrl-C, and its exit code becomes the script's.
exec "$server" --port "$port" --bind 127.0.0.1 --dir "$data" --save '' \
  --loadmodule "${REDIS_RL_MODULE:-$PWD/target/release/libredis_rl.so}"
