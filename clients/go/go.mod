module github.com/redis-rl/redis-rl/clients/go

go 1.24
