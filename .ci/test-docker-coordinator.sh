#!/usr/bin/env bash
# make test-docker-coordinator: builds the image of rl-coordinator and tests a real container from outside. The container answers,
# does not run as root, and writes only to its volume. Used cost is still there after a stop, and in a new container on the
# old volume. Needs a Docker engine: .ci/with-docker.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

image=rl-coordinator-test
# The build command of docs/coordinator.md.
# shellcheck disable=SC2016 # no expansion
build=$(grep -o '`docker build -f docker/Dockerfile.coordinator [^`]*' docs/coordinator.md | tr -d '`')
BUILD=$build IMAGE=$image .ci/docker.sh coordinator

run=rl-coordinator-test-$$
# shellcheck disable=SC2317 # called by the trap
clean() {
  docker rm -fv "$run" >/dev/null 2>&1 || :
  docker volume rm "$run" >/dev/null 2>&1 || :
}
trap clean EXIT
fail() { echo "test-docker-coordinator: $*" >&2; docker logs --tail 20 "$run" >&2 || :; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: \"$2\", not \"$3\""; }

# Without a bridge, the container uses the host's own ports.
port=$((20000 + RANDOM % 10000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
options=(-p "127.0.0.1:$port:8765")
arguments=(--snapshot /data/limits --insecure-bind-anyway)
if ! docker network inspect bridge >/dev/null 2>&1; then
  options=(--network host)
  arguments+=(--listen "127.0.0.1:$port")
fi
start() {
  docker run -d --name "$run" --read-only --cap-drop ALL --security-opt no-new-privileges -v "$run:/data" \
    "${options[@]}" "$image" "${arguments[@]}" >/dev/null
  ready
}
ready() {
  for _ in $(seq 300); do
    if curl -sf "http://127.0.0.1:$port/readyz" >/dev/null; then return; fi
    [ "$(docker inspect --format '{{.State.Status}}' "$run")" != exited ] || fail "it has ended"
    sleep 0.1
  done
  fail "it is not ready after 30 s"
}
slide() {
  curl -s "http://127.0.0.1:$port/v1/slide" -H 'Content-Type: application/json' -d '{"key": "k", "limit": 3, "window": "1h"}' |
    sed 's/,"reset_after_ms.*//; s/"retry_after_ms":[1-9][0-9]*/later/'
}

start
is "the first" "$(slide)" '{"allowed":true,"limit":3,"remaining":2,"retry_after_ms":0'
is "the image's user" "$(docker inspect --format '{{.Config.User}}' "$image")" 999
docker stop -t 30 "$run" >/dev/null
is "the exit code" "$(docker inspect --format '{{.State.ExitCode}}' "$run")" 0
docker start "$run" >/dev/null
ready
is "the second" "$(slide)" '{"allowed":true,"limit":3,"remaining":1,"retry_after_ms":0'
docker stop -t 30 "$run" >/dev/null
docker rm "$run" >/dev/null
start
is "the third" "$(slide)" '{"allowed":true,"limit":3,"remaining":0,"retry_after_ms":0'
is "the fourth" "$(slide)" '{"allowed":false,"limit":3,"remaining":0,later'
echo "the image serves and does not run as root; limits survive restarts"
