#!/usr/bin/env bash
# make test-monitoring: tests the rules and the dashboard in examples/ with a server, redis_exporter and Prometheus. Both
# programs are taken from the PATH. Otherwise Debian's packages are unpacked. They are not installed, because that would
# start services.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${REDIS_RL_MODULE:=$PWD/target/release/libredis_rl.so}"
.ci/setup.sh server
programs=$PWD/.cache/monitoring

if ! command -v prometheus promtool redis_exporter >/dev/null && [ ! -x "$programs/usr/bin/promtool" ]; then
  command -v apt-get >/dev/null || { echo "missing: prometheus, promtool and redis_exporter" >&2; exit 1; }
  mkdir -p "$programs"
  (
    cd "$programs"
    apt-get -qq download prometheus prometheus-redis-exporter 2>/dev/null ||
      { apt-get -qq update && apt-get -qq download prometheus prometheus-redis-exporter; } >&2
    for package in *.deb; do dpkg-deb -x "$package" .; done
    rm -f ./*.deb
  )
fi
PATH=$PATH:$programs/usr/bin
exporter=$(command -v redis_exporter || command -v prometheus-redis-exporter)

promtool check config examples/prometheus/prometheus.yaml
promtool test rules tests/monitoring/rules.test.yaml
exec python3 tests/monitoring/run.py --server "$(.ci/server.sh)" --module "$REDIS_RL_MODULE" \
  --exporter "$exporter" --prometheus "$(command -v prometheus)"
