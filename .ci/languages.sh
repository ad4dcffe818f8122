# Sourced by the scripts for the client packages. Each function puts a language that is new enough in front of the PATH. Debian's may be
# older than a package needs: a newer one comes from the language's own registry.
# shellcheck shell=bash

apt_install() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# use_node FOLDER: Node 20 or newer; FOLDER keeps the one that is fetched.
use_node() {
  { command -v node && command -v npm; } >/dev/null || apt_install nodejs npm
  if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
    npm install --silent --no-audit --no-fund --prefix "$1" "node-linux-$(node -p process.arch)@20"
    PATH=$1/node_modules/node-linux-$(node -p process.arch)/bin:$PATH
    export PATH
  fi
}

# use_go VERSION: this Go or newer.
use_go() {
  command -v go >/dev/null || apt_install golang-go ca-certificates
  local have folder
  have=$(go env GOVERSION | sed 's/^go//')
  if [ "$(printf '%s\n' "$1" "$have" | sort -V | head -n 1)" != "$1" ]; then
    folder=$(cd / && go mod download -json "golang.org/toolchain@v0.0.1-go$1.linux-$(go env GOARCH)" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    chmod -R u+x "$folder/bin" "$folder/pkg/tool"
    export PATH=$folder/bin:$PATH GOROOT=$folder
  fi
  export GOTOOLCHAIN=local
}
