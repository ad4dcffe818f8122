// Package tests has the tests of the Go package that need servers: Redis with the module, rl-coordinator, and the provider of
// benches/lab. .ci/client-go.sh installs what they need, and runs them.
package tests
