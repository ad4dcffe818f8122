#!/usr/bin/env bash
# make test-clients: builds the examples of each language in .cache/clients, runs each example, then all of them together.
#   CLIENT_SECONDS   how long they run together (default 20)
#   CLIENT_COPIES    the number of processes of each kind (default 1)
#   CLIENT_PART      run only this part of tests/clients/README.md, such as pages
#   CLIENT_ONLY      build and run only these languages, such as "python go"
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/setup.sh build server clients
: "${REDIS_RL_MODULE:=$PWD/target/release/libredis_rl.so}"
examples=$PWD/examples
built=$PWD/.cache/clients

python() {
  mkdir -p "$built/python"
  [ -x "$built/python/bin/python" ] || python3 -m venv "$built/python"
  "$built/python/bin/pip" install -q --disable-pip-version-check -r "$examples/python/requirements.txt"
}

node() {
  mkdir -p "$built/node"
  cp "$examples"/node/*.js* "$built/node"
  (cd "$built/node" && npm ci --silent --no-audit --no-fund)
}

go() {
  mkdir -p "$built/go"
  (cd "$examples/go" && command go build -o "$built/go/" ./...)
}

java() {
  rm -rf "$built/java"
  mkdir -p "$built/java"
  cp -r "$examples/java/pom.xml" "$examples/java/src" "$built/java"
  (cd "$built/java" && mvn -q -B compile)
}

rust() {
  cargo build -q --release --locked --manifest-path "$examples/rust/Cargo.toml" --target-dir "$built/rust"
}

c() {
  mkdir -p "$built/c"
  local program flags
  read -r -a flags <<<"$(pkg-config --cflags --libs hiredis)"
  for program in limits load; do
    cc -O2 -Wall -Wextra -Werror -o "$built/c/$program" "$examples/c/$program.c" "${flags[@]}"
  done
}

php() { command php -l "$examples/php/limits.php" >/dev/null; }

ruby() { command ruby -c "$examples/ruby/limits.rb" >/dev/null; }

# Python is always needed: the test itself is in Python and uses redis-py.
python
for language in ${CLIENT_ONLY:-node go java rust c php ruby}; do
  [ "$language" != python ] || continue
  echo "building: $language"
  "$language"
done

exec "$built/python/bin/python" tests/clients/run.py --server "$(.ci/server.sh)" --module "$REDIS_RL_MODULE" --built "$built" \
  --seconds "${CLIENT_SECONDS:-20}" --copies "${CLIENT_COPIES:-1}" ${CLIENT_ONLY:+--only "$CLIENT_ONLY"} \
  ${CLIENT_PART:+--part "$CLIENT_PART"}
