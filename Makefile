# redis-rl: `make run` and `make test` need only cargo and make. They install the rest (on Debian, Ubuntu, Fedora, macOS).
# The work of each target is in .ci/, one script for each task.

.DEFAULT_GOAL := help
.PHONY: help setup build run test test-matrix test-tcl test-pages test-coordinator test-clients test-cell-clients test-llm test-packages test-packages-long test-five-lines test-walk test-python test-typescript test-go test-rust bench bench-coordinator bench-http lab bench-guard lint fuzz chaos sanitize memcheck miri package test-package docker test-docker test-docker-coordinator test-kubernetes test-monitoring test-dashboard test-rls clean
SHELL := /bin/bash

suffix := $(if $(filter Darwin,$(shell uname)),dylib,so)
export REDIS_RL_MODULE ?= $(abspath $(or $(CARGO_TARGET_DIR),target))/release/libredis_rl.$(suffix)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install missing packages to build and run
	@.ci/setup.sh build server

build: ## build the module: target/release/libredis_rl.so
	@.ci/setup.sh build
	cargo build --release

run: ## start a server with the module on 127.0.0.1:6379, or on PORT=
	@exec .ci/run-server.sh

test: setup build ## run all tests on this system's server, or on REDIS_RL_SERVER=
	@.ci/setup.sh languages
	REDIS_RL_SERVER="$$(.ci/server.sh)" cargo test --workspace --exclude rl-coordinator --profile test-fast
	REDIS_RL_SERVER="$$(.ci/server.sh)" cargo test -p rl-coordinator

test-matrix: build ## run the integration tests on many servers, or on MATRIX="redis-8.0 valkey-9.1"
	@.ci/matrix.sh

test-tcl: build ## run Redis' own Tcl test suite without the module and with it, or the units in TCL_TESTS="unit/multi unit/acl"
	@.ci/test-tcl.sh

test-pages: ## run the shell lines of README.md, docs/ and examples/README.md unchanged
	@.ci/pages.sh

test-coordinator: ## test rl-coordinator against its own OpenAPI document, with schemathesis
	@.ci/test-coordinator.sh

test-clients: setup build ## run the examples in each language, then all of them together for CLIENT_SECONDS=20
	@.ci/clients.sh

test-cell-clients: setup build ## run published clients of redis-cell, unchanged, against CL.THROTTLE
	REDIS_RL_SERVER="$$(.ci/server.sh)" cargo run --locked --manifest-path tests/redis-cell-clients/Cargo.toml

test-llm: setup build ## run examples/llm with real SDKs against a provider whose limits bite; two minutes
	@.ci/test-llm.sh

test-packages: setup build ## run a sample of the client packages' tests, and the code on the pages, in under four minutes
	cargo build -p rl-coordinator
	@.ci/test-packages.sh

test-packages-long: setup build ## send 1,000 random answers through the transports for Python and TypeScript, and kill 200 processes of each
	cargo build -p rl-coordinator
	RL_STREAM_CALLS=1000 RL_CRASH_PROCESSES=200 .ci/client-python.sh tests/test_streams.py tests/test_crash.py
	RL_STREAM_CALLS=1000 RL_CRASH_PROCESSES=200 .ci/client-typescript.sh streams crash

test-five-lines: setup build ## call the lab's provider with the five lines of the pages in clean projects, by 50 processes; a quarter of an hour
	@.ci/test-five-lines.sh

test-walk: ## type the first part of README.md into a clean Debian root, to a limited call and a limited route
	@.ci/test-walk.sh

test-python: setup build ## test clients/python: types, conformance, real servers and SDKs
	cargo build -p rl-coordinator
	@.ci/client-python.sh

test-typescript: setup build ## test clients/typescript: types, conformance, real servers and SDKs
	cargo build -p rl-coordinator
	@.ci/client-typescript.sh

test-go: setup build ## test clients/go: vet, conformance, real servers and SDKs
	cargo build -p rl-coordinator
	@.ci/client-go.sh

test-rust: setup build ## test clients/rust: clippy, conformance, real servers, what would be published
	cargo build -p rl-coordinator
	@.ci/client-rust.sh

bench: setup build ## compare with SET and other limiters; writes docs/COMPARE.md and docs/plots; an hour
	@.ci/setup.sh valgrind
	cargo bench -p rl-core --bench decisions --bench growth -- --noplot
	REDIS_RL_SERVER="$$(.ci/server.sh)" benches/compare.py $$(for name in redis-8.2 valkey-9.1; do .ci/servers.sh $$name | sed 's/^/--also /'; done)

bench-coordinator: ## compare rl-coordinator with a server of Python's standard library, on one processor
	@.ci/setup.sh build wrk
	cargo build --release -p rl-coordinator
	benches/coordinator.py

bench-http: ## compare rl-coordinator with throttlecrab-server over HTTP; installs that, which needs protoc
	@.ci/setup.sh build wrk valgrind
	cargo build --release -p rl-coordinator
	cargo install --quiet --locked --root .cache/throttlecrab throttlecrab-server@0.4.40
	benches/http_peers.py --throttlecrab .cache/throttlecrab/bin/throttlecrab-server
	benches/http_peers.py --throttlecrab .cache/throttlecrab/bin/throttlecrab-server --instructions

lab: setup build ## run the 429 lab: many processes, one provider, several limiters; needs Python 3.12; hours
	@[ -x .cache/lab/bin/python3 ] || $${LAB_PYTHON:-python3.12} -m venv .cache/lab
	@.cache/lab/bin/pip install -q --disable-pip-version-check -r benches/lab/requirements.txt
	REDIS_RL_SERVER="$$(.ci/server.sh)" .cache/lab/bin/python3 benches/lab/lab.py $(LAB)

bench-guard: setup build ## count the instructions of each command; fail if one costs 3 % more than before
	@.ci/setup.sh valgrind
	REDIS_RL_SERVER="$$(.ci/server.sh)" benches/instructions.py --guard

lint: ## check format, clippy, licences and advisories of dependencies, shell scripts
	@.ci/lint.sh

fuzz: ## run each fuzz target for FUZZ_SECONDS=60
	@.ci/fuzz.sh

chaos: setup build ## start and stop clients, keys and servers at random for REDIS_RL_CHAOS_SECONDS=300
	REDIS_RL_SERVER="$$(.ci/server.sh)" REDIS_RL_CHAOS_SECONDS=$${REDIS_RL_CHAOS_SECONDS:-300} \
		cargo test --profile test-fast --test server -- --nocapture chaos::

sanitize: setup build ## run chaos, and all tests of waiting clients, on a server with AddressSanitizer
	@.ci/sanitize.sh address

memcheck: setup build ## run chaos on a server in valgrind
	@.ci/sanitize.sh valgrind

miri: ## run the tests of crates/core under Miri
	@.ci/miri.sh

package: build ## make a tarball and a Debian package in target/package
	@.ci/package.sh

test-package: package ## install the Debian package on a clean root, and test the server there
	@.ci/test-package.sh

docker: ## build the image redis-rl: REDIS_IMAGE= with the module
	@.ci/with-docker.sh .ci/docker.sh

test-docker-coordinator: ## build the image of rl-coordinator and test a container of it
	@.ci/with-docker.sh .ci/test-docker-coordinator.sh

test-docker: ## build the image redis-rl and test containers of it
	@.ci/with-docker.sh .ci/test-docker.sh

test-kubernetes: build ## check examples/kubernetes against Kubernetes' schemas, and start a server with its configuration
	@.ci/test-kubernetes.sh

test-monitoring: build ## test examples/prometheus and examples/grafana with a server, redis_exporter and Prometheus
	@.ci/test-monitoring.sh

test-dashboard: setup build ## test the coordinator's page in a headless browser; pictures in .cache/dashboard/pictures
	@.ci/test-dashboard.sh

test-rls: build ## test rl-coordinator's service for Envoy, with a client of Envoy's description and with Envoy itself
	@.ci/test-rls.sh

clean: ## remove everything that was built or fetched
	cargo clean
	rm -rf .cache
