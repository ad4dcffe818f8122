module github.com/redis-rl/redis-rl/clients/go/tests

go 1.26.0

require (
	github.com/redis-rl/redis-rl/clients/go v0.1.0
	github.com/redis-rl/redis-rl/clients/go/rlgoredis v0.1.0
	github.com/redis-rl/redis-rl/clients/go/rlrueidis v0.1.0
	github.com/redis/go-redis/v9 v9.23.0
	github.com/redis/rueidis v1.0.79
	golang.org/x/mod v0.43.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
)

replace (
	github.com/redis-rl/redis-rl/clients/go => ../
	github.com/redis-rl/redis-rl/clients/go/rlgoredis => ../rlgoredis
	github.com/redis-rl/redis-rl/clients/go/rlrueidis => ../rlrueidis
)
