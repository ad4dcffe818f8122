# redis-rl: `make run` and `make test` need only cargo and make; they install the rest (on Debian, Ubuntu, Fedora, macOS).
# What each target does stands in .ci/, one script a task.

.DEFAULT_GOAL := help
.PHONY: help setup build run test test-matrix test-pages test-coordinator test-clients test-cell-clients bench bench-coordinator bench-guard lint fuzz chaos sanitize memcheck miri package test-package docker test-docker test-docker-coordinator test-kubernetes test-monitoring test-dashboard test-rls clean
SHELL := /bin/bash

suffix := $(if $(filter Darwin,$(shell uname)),dylib,so)
export REDIS_RL_MODULE ?= $(abspath $(or $(CARGO_TARGET_DIR),target))/release/libredis_rl.$(suffix)

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing to build and run
	@.ci/setup.sh build server

build: ## build the module: target/release/libredis_rl.so
	@.ci/setup.sh build
	cargo build --release

run: ## start a server with the module on 127.0.0.1:6379, or PORT=
	@exec .ci/run-server.sh

test: setup build ## run all tests on this system's server, or REDIS_RL_SERVER=
	@.ci/setup.sh languages
	REDIS_RL_SERVER="$$(.ci/server.sh)" cargo test --workspace --exclude rl-coordinator --release
	REDIS_RL_SERVER="$$(.ci/server.sh)" cargo test -p rl-coordinator

test-matrix: build ## run the integration tests on many servers, or MATRIX="redis-8.0 valkey-9.1"
	@.ci/matrix.sh

test-pages: ## type the shell lines of README.md and docs/ as they stand
	@.ci/pages.sh

test-coordinator: ## rl-coordinator against its own OpenAPI document, with schemathesis
	@.ci/test-coordinator.sh

test-clients: setup build ## run the examples in each language, then all of them together for CLIENT_SECONDS=20
	@.ci/clients.sh

test-cell-clients: setup build ## run clients that were written for redis-cell, as they are published, against CL.THROTTLE
	REDIS_RL_SERVER="$$(.ci/server.sh)" cargo run --locked --manifest-path tests/redis-cell-clients/Cargo.toml

bench: setup build ## compare with SET and with other limiters: writes docs/COMPARE.md and docs/plots, half an hour
	@.ci/setup.sh valgrind
	cargo bench -p rl-core --bench decisions --bench growth -- --noplot
	REDIS_RL_SERVER="$$(.ci/server.sh)" benches/compare.py

bench-coordinator: ## rl-coordinator beside a server of Python's standard library, on one processor
	@.ci/setup.sh build wrk
	cargo build --release -p rl-coordinator
	benches/coordinator.py

bench-guard: setup build ## count the instructions of each command, and fail where one costs 3 % more than it did
	@.ci/setup.sh valgrind
	REDIS_RL_SERVER="$$(.ci/server.sh)" benches/instructions.py --guard

lint: ## format, clippy, licences and advisories of dependencies, shell scripts
	@.ci/lint.sh

fuzz: ## run each fuzz target for FUZZ_SECONDS=60
	@.ci/fuzz.sh

chaos: setup build ## clients, keys and servers come and go at random for REDIS_RL_CHAOS_SECONDS=300
	REDIS_RL_SERVER="$$(.ci/server.sh)" REDIS_RL_CHAOS_SECONDS=$${REDIS_RL_CHAOS_SECONDS:-300} \
		cargo test --release --test server -- --nocapture chaos::

sanitize: setup build ## the same, and all tests of clients that wait, on a server with AddressSanitizer
	@.ci/sanitize.sh address

memcheck: setup build ## the same in valgrind
	@.ci/sanitize.sh valgrind

miri: ## run the tests of crates/core under Miri
	@.ci/miri.sh

package: build ## a tarball and a Debian package in target/package
	@.ci/package.sh

test-package: package ## install the Debian package on a clean root, and ask the server there
	@.ci/test-package.sh

docker: ## build an image of REDIS_IMAGE= with the module: redis-rl
	@.ci/with-docker.sh .ci/docker.sh

test-docker-coordinator: ## build the image of rl-coordinator, and test a container of it
	@.ci/with-docker.sh .ci/test-docker-coordinator.sh

test-docker: ## build it, and test containers of it
	@.ci/with-docker.sh .ci/test-docker.sh

test-kubernetes: build ## examples/kubernetes against Kubernetes' schemas, and a server with its configuration
	@.ci/test-kubernetes.sh

test-monitoring: build ## examples/prometheus and examples/grafana with a server, redis_exporter and Prometheus
	@.ci/test-monitoring.sh

test-dashboard: setup build ## the coordinator's page in a headless browser; pictures of it in .cache/dashboard/pictures
	@.ci/test-dashboard.sh

test-rls: build ## rl-coordinator's service for Envoy, with a client of Envoy's description and with Envoy itself
	@.ci/test-rls.sh

clean: ## remove all that was built or fetched
	cargo clean
	rm -rf .cache
