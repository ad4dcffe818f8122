#!/usr/bin/env bash
# make test-docker: builds the image and tests real containers from outside. It checks that a container is healthy, and unhealthy
# without the module; that limits hold among many clients; that counts survive a restart; that the server ends cleanly and
# does not run as root; arguments and a configuration file; compose.yaml. Needs a Docker engine: .ci/with-docker.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

# Lines of README.md, unchanged.
build=$(grep '^docker build ' README.md)
run_line=$(grep '^docker run ' README.md)
image=redis-rl-test
BUILD=$build IMAGE=$image .ci/docker.sh

run=rl-test-$$ # the prefix of every name here
work=$(mktemp -d)
# shellcheck disable=SC2317 # called by the trap
clean() {
  docker ps -aq --filter "name=$run" | xargs -r docker rm -fv >/dev/null
  docker volume ls -q --filter "name=$run" | xargs -r docker volume rm >/dev/null
  docker network ls -q --filter "name=$run" | xargs -r docker network rm >/dev/null
  rm -rf "$work"
}
trap clean EXIT

fail() {
  echo "test-docker: $*" >&2
  docker ps -a --filter "name=$run" >&2
  docker logs --tail 20 "$server" >&2 || :
  exit 1
}
is() { [ "$2" = "$3" ] || fail "$1: \"$2\", not \"$3\""; }
until_it_is() { # WHAT WANTED COMMAND...: polls, because there are no events for all of these states
  local what=$1 wanted=$2 is=
  shift 2
  for _ in $(seq 300); do
    is=$("$@" 2>&1) || :
    [ "$is" != "$wanted" ] || return 0
    [ "$(tell "$server" .State.Status)" != exited ] || fail "$server has ended"
    sleep 0.1
  done
  fail "$what is \"$is\", not \"$wanted\", after 30 s"
}
tell() { docker inspect --format "{{$2}}" "$1"; }
health() { tell "$server" .State.Health.Status; }

# Without a bridge, containers use the host's own ports.
free_port() { port=$((20000 + RANDOM % 10000)); while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done; }
if docker network inspect bridge >/dev/null 2>&1; then bridge=yes; else bridge=; fi

# start NAME [OPTION ... --] [ARGUMENT ...]: starts a server in a container without capabilities and with a read-only root.
start() {
  server=$run-$1
  shift
  local options=()
  while [ "${1:-}" != -- ]; do options+=("$1"); shift; done
  shift
  free_port
  if [ -n "$bridge" ]; then options+=(-p "127.0.0.1:$port:6379")
  else options+=(--network host -e PORT="$port"); set -- "$@" --port "$port"; fi
  docker run -d --name "$server" --read-only --cap-drop ALL --security-opt no-new-privileges \
    --health-interval 1s --health-start-period 0s --health-retries 2 "${options[@]}" "$image" "$@" >/dev/null
}

# Sends a request from outside, with only the shell: one line of words for the request, and one for the reply.
ask() {
  local reply
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return
  printf '%s\r\nQUIT\r\n' "$*" >&3
  reply=$(tr -d '\r' <&3)
  exec 3>&-
  echo "$reply" | sed -e '$d' -e '/^[*$][0-9]/d' -e 's/^[:+]//' | paste -sd' '
}

echo "healthy, and asked from outside"
start plain -v "$run-plain:/data" -- --protected-mode no
until_it_is "the state of $server" healthy health
is "RL.SLIDE" "$(ask RL.SLIDE key 5 1h COST 2)" "1 5 3 0 3600000"

echo "20 clients at once, 200 requests, a limit of 50"
for client in $(seq 20); do
  for _ in $(seq 10); do ask RL.SLIDE shared 50 1h; done >"$work/$client" &
  clients+=($!)
done
wait "${clients[@]}"
is "answers" "$(cat "$work"/* | wc -l)" 200
is "admitted" "$(cat "$work"/* | grep -c '^1 ')" 50

echo "not root"
is "the user of process 1" "$(docker exec "$server" sh -c 'awk "/^Uid/ { print \$2, \$3 }" /proc/1/status')" "999 999"
is "the image's user" "$(tell "$image" .Config.User)" 999

echo "a clean end, and used cost is still used"
docker stop -t 30 "$server" >/dev/null
is "the exit code" "$(tell "$server" .State.ExitCode)" 0
docker logs "$server" 2>&1 | grep 'DB saved on disk' >/dev/null || fail "nothing was saved"
docker start "$server" >/dev/null
until_it_is "PING" PONG ask PING
is "RL.PEEK after a restart" "$(ask RL.PEEK key | cut -d' ' -f 1-3)" "1 5 3"
is "RL.PEEK of the shared limit" "$(ask RL.PEEK shared | cut -d' ' -f 1-3)" "0 50 0"
docker rm -f "$server" >/dev/null
start plain -v "$run-plain:/data" -- --protected-mode no
until_it_is "PING" PONG ask PING
is "RL.PEEK in a new container on the old volume" "$(ask RL.PEEK key | cut -d' ' -f 1-3)" "1 5 3"
docker rm -f "$server" >/dev/null

echo "a configuration file, and arguments that override it; killed, with an AOF"
start own -v "$run-own:/data" -v "$PWD/docker/redis.conf:/etc/redis-rl.conf:ro" -- \
  /etc/redis-rl.conf --maxmemory 99mb --appendfsync always
until_it_is "the state of $server" healthy health
is "maxmemory" "$(ask CONFIG GET maxmemory)" "maxmemory 103809024"
is "appendonly" "$(ask CONFIG GET appendonly)" "appendonly yes"
is "RL.BUCKET" "$(ask RL.BUCKET key 5 1 1h COST 4)" "1 5 1 0 14400000"
docker kill "$server" >/dev/null
docker start "$server" >/dev/null
until_it_is "PING" PONG ask PING
is "RL.PEEK after a kill" "$(ask RL.PEEK key | cut -d' ' -f 1-3)" "1 5 1"
docker rm -f "$server" >/dev/null

echo "the module with arguments of its own"
{
  cat docker/redis.conf
  echo 'loadmodule /usr/local/lib/redis/libredis_rl.so max-window 400d policies /etc/policies.toml'
} >"$work/redis.conf"
chmod 755 "$work" && chmod 644 "$work/redis.conf"
start loaded -v "$work/redis.conf:/etc/own.conf:ro" -v "$PWD/examples/policies.toml:/etc/policies.toml:ro" -- /etc/own.conf
until_it_is "the state of $server" healthy health
is "max-window" "$(ask CONFIG GET rl.max-window)" "rl.max-window 400d"
[ -n "$(ask RL.POLICY LIST)" ] || fail "no policies"
docker rm -f "$server" >/dev/null

echo "README.md: $run_line"
[[ $run_line == "docker run -p 6379:6379 -v limits:/data redis-rl "* ]] || fail "README.md has another line: $run_line"
read -ra arguments <<<"${run_line#*redis-rl }"
start readme -v "$run-limits:/data" -- "${arguments[@]}"
until_it_is "the state of $server" healthy health
is "RL.SLIDE" "$(ask RL.SLIDE key 5 1h)" "1 5 4 0 3600000"
is "appendonly" "$(ask CONFIG GET appendonly)" "appendonly yes"
docker rm -f "$server" >/dev/null

echo "without the module: not healthy"
start bare --entrypoint redis-server -- --protected-mode no
until_it_is "the state of $server" unhealthy health
docker rm -f "$server" >/dev/null

echo "the files that the image adds to its base"
is "the files" "$(docker run --rm --name "$run-files" "$image" ls /usr/local/lib/redis | paste -sd' ')" \
  "healthcheck.sh libredis_rl.so start.sh"
is "what it was built from" "$(docker run --rm --name "$run-files" "$image" sh -c 'command -v cargo; ls -d /redis-rl 2>&-' || :)" ""

if [ -z "$bridge" ]; then
  echo "NOT TESTED: compose.yaml, since this engine has no bridge"
  exit
fi
.ci/setup.sh compose 2>/dev/null || :
if docker compose version >/dev/null 2>&1; then compose=(docker compose)
elif command -v docker-compose >/dev/null; then compose=(docker-compose)
else
  echo "NOT TESTED: compose.yaml, since there is no docker compose"
  exit
fi

echo "compose.yaml"
free_port
export PORT=$port WINDOW=1h
# The image is already built. compose would build it again and pull its bases.
sed -e '/^    build:/,/^      dockerfile:/d' -e "s/image: redis-rl\$/image: $image/" docker/compose.yaml >"$work/compose.yaml"
cp docker/redis.conf docker/demo.sh "$work"
compose+=(-f "$work/compose.yaml" -p "$run-compose")
server=$run-compose
"${compose[@]}" up -d --scale demo=2 >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "compose up"; }
server=$("${compose[@]}" ps -q server)
is "the state of the server when demo starts" "$(health)" healthy
# Two clients share one limit of ten: neither is denied before both together have had ten.
denied() { "${compose[@]}" logs --no-color demo 2>&1 | grep 'denied, again in' >/dev/null && echo yes; }
until_it_is "a denial of the demo" yes denied
is "admitted" "$("${compose[@]}" logs --no-color demo 2>&1 | grep -c 'admitted, ')" 10
is "maxmemory" "$(ask CONFIG GET maxmemory)" "maxmemory 134217728"
"${compose[@]}" stop >"$work/log" 2>&1
is "the exit code" "$(tell "$server" .State.ExitCode)" 0
"${compose[@]}" up -d --scale demo=0 >"$work/log" 2>&1
until_it_is "PING" PONG ask PING
is "RL.PEEK after a restart" "$(ask RL.PEEK demo | cut -d' ' -f 1-3)" "0 10 0"
"${compose[@]}" down -v >"$work/log" 2>&1
echo "the image is healthy and does not run as root; limits hold and survive restarts"
