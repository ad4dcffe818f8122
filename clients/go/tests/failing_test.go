package tests

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
	"github.com/redis/go-redis/v9"
)

const timeout = 300 * time.Millisecond

// slack is what a busy machine may add to a time-out.
const slack = 2 * time.Second

// failing are states in which a server cannot decide.
var failing = []struct {
	name    string
	prepare func(t *testing.T, server *servers.Server, admin *redis.Client)
	cause   redisrl.Cause
}{
	{"gone", func(t *testing.T, server *servers.Server, _ *redis.Client) { server.Kill(t) }, redisrl.Down},
	{"hung", func(_ *testing.T, server *servers.Server, _ *redis.Client) { server.Signal(syscall.SIGSTOP) }, redisrl.Down},
	{"hung, and no connection yet", func(t *testing.T, server *servers.Server, admin *redis.Client) {
		dropClients(t, admin)
		server.Signal(syscall.SIGSTOP)
	}, redisrl.Down},
	{"out of memory", set("maxmemory", "1"), redisrl.OOM},
	{"wants a password", func(t *testing.T, _ *servers.Server, admin *redis.Client) {
		set("requirepass", "secret")(t, nil, admin)
		dropClients(t, admin)
	}, redisrl.NoAuth},
	{"does not permit it", func(t *testing.T, _ *servers.Server, admin *redis.Client) {
		servers.Must(t, admin.Do(context.Background(), "ACL", "SETUSER", "default", "-rl.slide", "-rl.quota").Err())
	}, redisrl.NoPerm},
	{"a replica", func(t *testing.T, _ *servers.Server, admin *redis.Client) {
		servers.Must(t, admin.Do(context.Background(), "REPLICAOF", "127.0.0.1", "1").Err())
	}, redisrl.ReadOnly},
}

func set(name, value string) func(*testing.T, *servers.Server, *redis.Client) {
	return func(t *testing.T, _ *servers.Server, admin *redis.Client) {
		servers.Must(t, admin.ConfigSet(context.Background(), name, value).Err())
	}
}

func dropClients(t *testing.T, admin *redis.Client) {
	servers.Must(t, admin.Do(context.Background(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err())
}

func TestServerThatCannotDecide(t *testing.T) {
	for _, state := range failing {
		for name, client := range servers.Clients {
			t.Run(state.name+"/"+name, func(t *testing.T) {
				server := servers.Redis(t)
				open := client(t, server.Addr, redisrl.Timeout(timeout), redisrl.Fail(redisrl.FailOpen))
				closed := client(t, server.Addr, redisrl.Timeout(timeout))
				_, err := open.Slide(context.Background(), "k", 5, time.Minute)
				servers.Must(t, err)
				state.prepare(t, server, server.Client(t, 2))
				if state.cause == redisrl.NoAuth {
					noticeLoss(open, closed)
				}
				checkDegraded(t, open, closed, state.cause)
			})
		}
	}
}

// noticeLoss makes calls until each connection that the server has closed is found to be closed. rueidis chooses one of four
// connections at random, so 40 calls miss one in 1 of 25,000 runs.
func noticeLoss(limiters ...*redisrl.Limiter) {
	for _, limiter := range limiters {
		for range 40 {
			_, _ = limiter.Slide(context.Background(), "k", 5, time.Minute)
			_, _ = limiter.Slide(context.Background(), "k", 5, time.Minute, redisrl.Wait(time.Millisecond))
		}
	}
}

// checkDegraded asks in each way, and checks the answers and how long they took.
func checkDegraded(t *testing.T, open, closed *redisrl.Limiter, cause redisrl.Cause) {
	t.Helper()
	before := open.Stats()
	check := func(allowed bool, by func() (bool, error, error)) {
		t.Helper()
		begin := time.Now()
		got, degraded, err := by()
		if took := time.Since(begin); took > timeout+slack {
			t.Errorf("it took %v", took)
		}
		var known *redisrl.Error
		if err != nil || got != allowed || !errors.As(degraded, &known) || known.Cause != cause {
			t.Errorf("allowed %v, degraded %v, error %v", got, degraded, err)
		}
	}
	slide := func(limiter *redisrl.Limiter, with ...redisrl.Option) func() (bool, error, error) {
		return func() (bool, error, error) {
			decided, err := limiter.Slide(context.Background(), "k", 5, time.Minute, with...)
			return decided.Allowed, decided.Degraded, err
		}
	}
	check(true, slide(open))
	check(true, slide(open, redisrl.Wait(time.Millisecond)))
	check(false, slide(closed))
	check(true, func() (bool, error, error) {
		reservation, err := open.Reserve(context.Background(), "q", redisrl.Policy("p"))
		if err != nil {
			return false, nil, err
		}
		servers.Must(t, reservation.Close())
		return true, reservation.Decision.Degraded, nil
	})
	after := open.Stats()
	if n := after.DegradedOpen - before.DegradedOpen; n != 3 || after.Causes[cause]-before.Causes[cause] != 3 {
		t.Errorf("counted %d, by cause %v", n, after.Causes)
	}
}

func TestServerWithoutTheModule(t *testing.T) {
	server := servers.RedisAt(t, servers.FreePort(t))
	for name, client := range servers.Clients {
		t.Run(name, func(t *testing.T) {
			open := client(t, server.Addr, redisrl.Timeout(timeout), redisrl.Fail(redisrl.FailOpen))
			checkDegraded(t, open, client(t, server.Addr, redisrl.Timeout(timeout)), redisrl.NoModule)
		})
	}
}

func TestServerThatLoads(t *testing.T) {
	for name, client := range servers.Clients {
		t.Run(name, func(t *testing.T) {
			port, dir := servers.FreePort(t), t.TempDir()
			module := servers.Environment(t, "REDIS_RL_MODULE")
			server := servers.RedisAt(t, port, "--loadmodule", module, "--dir", dir, "--enable-debug-command", "yes")
			open := client(t, server.Addr, redisrl.Timeout(timeout), redisrl.Fail(redisrl.FailOpen))
			closed := client(t, server.Addr, redisrl.Timeout(timeout))
			admin := server.Client(t, 2)
			servers.Must(t, admin.Do(context.Background(), "DEBUG", "POPULATE", "200000").Err())
			servers.Must(t, admin.Save(context.Background()).Err())
			server.Kill(t)
			servers.RedisAt(t, port, "--loadmodule", module, "--dir", dir,
				"--key-load-delay", "200", "--loading-process-events-interval-bytes", "1024")
			noticeLoss(open, closed)
			decided, err := open.Slide(context.Background(), "k", 5, time.Minute)
			var known *redisrl.Error
			if err != nil || !decided.Allowed || !errors.As(decided.Degraded, &known) || known.Cause != redisrl.Down {
				t.Fatal(decided, err)
			}
			decided, err = closed.Slide(context.Background(), "k", 5, time.Minute)
			if err != nil || decided.Allowed || !errors.As(decided.Degraded, &known) || known.Cause != redisrl.Down {
				t.Fatal(decided, err)
			}
		})
	}
}

func TestServerThatComesBack(t *testing.T) {
	for name, client := range servers.Clients {
		t.Run(name, func(t *testing.T) {
			port := servers.FreePort(t)
			server := servers.RedisAt(t, port, "--loadmodule", servers.Environment(t, "REDIS_RL_MODULE"))
			limiter := client(t, server.Addr, redisrl.Timeout(timeout))
			ask := func() redisrl.Decision {
				decided, err := limiter.Slide(context.Background(), "k", 1000, time.Minute)
				servers.Must(t, err)
				return decided
			}
			server.Kill(t)
			if ask().Degraded == nil {
				t.Fatal("it decided without a server")
			}
			servers.RedisAt(t, port, "--loadmodule", servers.Environment(t, "REDIS_RL_MODULE"))
			servers.Eventually(t, func() bool { return ask().Degraded == nil })
		})
	}
}

func TestContexts(t *testing.T) {
	server := servers.Redis(t)
	admin := server.Client(t, 2)
	for name, client := range servers.Clients {
		t.Run(name, func(t *testing.T) {
			limiter, key := client(t, server.Addr), fmt.Sprint("ctx:", name)
			ask := func(ctx context.Context, with ...redisrl.Option) error {
				_, err := limiter.Slide(ctx, key, 1, time.Minute, with...)
				return err
			}
			servers.Must(t, ask(context.Background()))

			late, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if err := ask(late, redisrl.Wait(30*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			servers.Eventually(t, func() bool { return servers.Waiters(t, admin) == 0 })

			ended, cancel := context.WithCancel(context.Background())
			go func() {
				servers.Eventually(t, func() bool { return servers.Waiters(t, admin) == 1 })
				cancel()
			}()
			if err := ask(ended, redisrl.Wait(30*time.Second)); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			// The request is out of the server's line, so that it takes nothing later.
			servers.Eventually(t, func() bool { return servers.Waiters(t, admin) == 0 })
			if err := ask(ended); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}
