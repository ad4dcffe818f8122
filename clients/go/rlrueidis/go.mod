module github.com/redis-rl/redis-rl/clients/go/rlrueidis

go 1.24

require (
	github.com/redis-rl/redis-rl/clients/go v0.1.0
	github.com/redis/rueidis v1.0.60
)

require golang.org/x/sys v0.31.0 // indirect

replace github.com/redis-rl/redis-rl/clients/go => ../
