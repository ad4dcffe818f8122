#!/usr/bin/env bash
# make docker: builds the image redis-rl. IMAGE= adds a second name. docker.sh coordinator builds rl-coordinator.
#
# REDIS_IMAGE (BASE_IMAGE for the coordinator) and RUST_IMAGE are the images to build on, by default those of the Dockerfile.
# If no registry has them, the script makes replacements from Debian's packages and this machine's Rust.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = coordinator ]; then name=rl-coordinator dockerfile=docker/Dockerfile.coordinator on=BASE_IMAGE
else name=redis-rl dockerfile=docker/Dockerfile on=REDIS_IMAGE; fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# An older client uses the older builder unless this is set.
export DOCKER_BUILDKIT=1
docker buildx version >/dev/null 2>&1 || docker build --help 2>&1 | grep -q -- --secret || DOCKER_BUILDKIT=0

quietly() { "$@" >"$log" 2>&1 || { tail -n 60 "$log" >&2; echo "failed: ${*:0:6} …" >&2; exit 1; }; }
has() { docker image inspect "$1" >/dev/null 2>&1; }
default() { sed -n "s/^ARG $1=//p" "$dockerfile"; }
available() { has "$1" || timeout 300 docker pull -q "$1" >"$log" 2>&1; }

# Makes an image of Debian, as docker.io/debian would be.
debian() { has redis-rl-local/debian || quietly docker import "$(.ci/debian-root.sh bookworm)" redis-rl-local/debian; }

# Makes a replacement for the official image: a server, its account 999 that owns /data, and an entry script.
local_server() {
  debian
  quietly docker build --network host -t redis-rl-local/redis - <<'END'
FROM redis-rl-local/debian
RUN groupadd -r -g 999 redis && useradd -r -g redis -u 999 redis \
 && apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/* \
 && mkdir /data && chown redis:redis /data \
 && printf '#!/bin/sh\numask 0077\nexec "$@"\n' >/usr/local/bin/docker-entrypoint.sh \
 && chmod 755 /usr/local/bin/docker-entrypoint.sh
VOLUME /data
WORKDIR /data
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 6379
CMD ["redis-server"]
END
}

# Makes an image of this machine's toolchain, without its documentation. It includes this machine's certificates, because the
# container uses this machine's network.
local_rust() {
  debian
  local sysroot context
  sysroot=$(rustc --print sysroot) || { echo "no image of Rust can be pulled, and no Rust is here" >&2; exit 1; }
  context=$(mktemp -d)
  cat >"$context/Dockerfile" <<'END'
FROM redis-rl-local/debian
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev ca-certificates && rm -rf /var/lib/apt/lists/*
COPY bin /usr/local/bin
COPY lib /usr/local/lib
COPY ca-certificates.crt /etc/ssl/certs/
END
  cp /etc/ssl/certs/ca-certificates.crt "$context"
  tar -c -C "$context" Dockerfile ca-certificates.crt -C "$sysroot" bin lib >"$context/tar"
  quietly docker build --network host -t redis-rl-local/rust - <"$context/tar"
  rm -rf "$context"
}

base=${!on:-$(default "$on")}
rust=${RUST_IMAGE:-$(default RUST_IMAGE)}
network=()
if ! available "$base"; then
  [ -z "${!on:-}" ] || { cat "$log" >&2; exit 1; }
  if [ "$on" = BASE_IMAGE ]; then
    echo "$base cannot be pulled: building on a replacement"
    debian
    base='redis-rl-local/debian'
  else
    echo "$base cannot be pulled: building on a replacement with Debian's redis-server"
    has redis-rl-local/redis || local_server
    base='redis-rl-local/redis'
  fi
fi
if ! available "$rust"; then
  [ -z "${RUST_IMAGE:-}" ] || { cat "$log" >&2; exit 1; }
  echo "$rust cannot be pulled: building with this machine's Rust"
  has redis-rl-local/rust || local_rust
  rust='redis-rl-local/rust'
  network=(--network host)
fi

# BUILD is the build command of README.md. The script adds only the name and the images to build on.
read -ra build <<<"${BUILD:-docker build -f $dockerfile -t $name .}"
quietly "${build[@]:0:${#build[@]}-1}" ${IMAGE:+-t "$IMAGE"} "${network[@]}" \
  --build-arg "$on=$base" --build-arg RUST_IMAGE="$rust" "${build[-1]}"
size() { docker image inspect --format '{{.Size}}' "$1"; }
image=${IMAGE:-$name}
echo "built $image on $base, to which it adds $(($(size "$image") - $(size "$base"))) bytes"
