package servers

import (
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/rlgoredis"
	"github.com/redis-rl/redis-rl/clients/go/rlrueidis"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// Clients are all ways to ask a server: each client with each protocol that it has.
var Clients = map[string]func(t testing.TB, addr string, settings ...redisrl.Setting) *redisrl.Limiter{
	"go-redis-resp2": goRedis(2),
	"go-redis-resp3": goRedis(3),
	"rueidis-resp2":  rueidisWith(true),
	"rueidis-resp3":  rueidisWith(false),
}

// Patience is a timeout for tests of answers. Machines that build something else at the same time stall for longer than the default.
const Patience = 10 * time.Second

// patient puts the patience before other settings, so that a test of timeouts sets its own.
func patient(settings []redisrl.Setting) []redisrl.Setting {
	return append([]redisrl.Setting{redisrl.Timeout(Patience)}, settings...)
}

func goRedis(protocol int) func(testing.TB, string, ...redisrl.Setting) *redisrl.Limiter {
	return func(t testing.TB, addr string, settings ...redisrl.Setting) *redisrl.Limiter {
		client := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol})
		t.Cleanup(func() { _ = client.Close() })
		return rlgoredis.New(client, patient(settings)...)
	}
}

func rueidisWith(isResp2 bool) func(testing.TB, string, ...redisrl.Setting) *redisrl.Limiter {
	return func(t testing.TB, addr string, settings ...redisrl.Setting) *redisrl.Limiter {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, AlwaysRESP2: isResp2, DisableCache: isResp2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return rlrueidis.New(client, patient(settings)...)
	}
}
