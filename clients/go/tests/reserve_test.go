package tests

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/profile"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
)

var llm = redisrl.Limits{
	{Name: "rpm", Limit: 10, Window: time.Minute},
	{Name: "input", Limit: 1000, Window: time.Minute, Unit: "input"},
	{Name: "output", Limit: 1000, Window: time.Minute, Unit: "output"},
	{Name: "calls", Limit: 2, Algorithm: redisrl.InFlight},
}

// each runs a test with each client, with RESP2 and RESP3, and over HTTP. The policy llm is set.
func each(t *testing.T, test func(t *testing.T, limiter *redisrl.Limiter), settings ...redisrl.Setting) {
	server := servers.Redis(t)
	for name, client := range servers.Clients {
		t.Run(name, func(t *testing.T) { begin(t, client(t, server.Addr, settings...), test) })
	}
	t.Run("http", func(t *testing.T) {
		coordinator := servers.Coordinator(t, "[[token]]\nname = \"t\"\npolicies = true\nsha256 = \""+sha256Hex("secret")+"\"\n")
		begin(t, redisrl.NewHTTP(redisrl.HTTP{URL: "http://" + coordinator.Addr, Token: "secret"}, append([]redisrl.Setting{redisrl.Timeout(servers.Patience)}, settings...)...), test)
	})
}

func begin(t *testing.T, limiter *redisrl.Limiter, test func(*testing.T, *redisrl.Limiter)) {
	servers.Must(t, limiter.Policies().Set(context.Background(), "llm", llm))
	test(t, limiter)
}

// remaining returns what remains of each limit of a key.
func remaining(t *testing.T, limiter *redisrl.Limiter, key string) map[string]int64 {
	t.Helper()
	decided, found, err := limiter.PeekQuota(context.Background(), key)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	left := map[string]int64{}
	for name, limit := range decided.Limits {
		left[name] = limit.Remaining
	}
	return left
}

func expect(t *testing.T, got map[string]int64, expected map[string]int64) {
	t.Helper()
	for name, n := range expected {
		if got[name] != n {
			t.Errorf("%s: %d, expected %d", name, got[name], n)
		}
	}
}

var estimate = redisrl.CostsOf(map[string]int64{"input": 300, "output": 400})

func TestReservationThatIsSettled(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		key := t.Name()
		call, err := limiter.Reserve(context.Background(), key, redisrl.Policy("llm"), estimate)
		servers.Must(t, err)
		defer call.Close()
		expect(t, remaining(t, limiter, key), map[string]int64{"rpm": 9, "input": 700, "output": 600, "calls": 1})
		servers.Must(t, call.Settle(context.Background(), redisrl.CostOf("output", 50)))
		expect(t, remaining(t, limiter, key), map[string]int64{"rpm": 9, "input": 700, "output": 950, "calls": 2})
		servers.Must(t, call.Settle(context.Background(), redisrl.CostOf("output", 900)))
		servers.Must(t, call.Cancel(context.Background()))
		servers.Must(t, call.Close())
		expect(t, remaining(t, limiter, key), map[string]int64{"output": 950})
	})
}

func TestReservationThatIsLeft(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		key := t.Name()
		failed := errors.New("the call failed")
		err := func() error {
			ctx, cancel := context.WithCancel(context.Background())
			call, err := limiter.Reserve(ctx, key, redisrl.Policy("llm"), estimate)
			servers.Must(t, err)
			defer call.Close()
			cancel()
			return failed
		}()
		if err != failed {
			t.Error(err)
		}
		// It is not known what was used, so the estimate stays charged. The slot is free.
		expect(t, remaining(t, limiter, key), map[string]int64{"rpm": 9, "input": 700, "output": 600, "calls": 2})
	})
}

func TestReservationThatIsCancelled(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		key := t.Name()
		call, err := limiter.Reserve(context.Background(), key, redisrl.Policy("llm"), estimate)
		servers.Must(t, err)
		servers.Must(t, call.Cancel(context.Background()))
		servers.Must(t, call.Close())
		expect(t, remaining(t, limiter, key), map[string]int64{"rpm": 10, "input": 1000, "output": 1000, "calls": 2})
	})
}

func TestReservationThatIsDenied(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		key := t.Name()
		for range 2 {
			call, err := limiter.Reserve(context.Background(), key, redisrl.Policy("llm"))
			servers.Must(t, err)
			defer call.Close()
		}
		_, err := limiter.Reserve(context.Background(), key, redisrl.Policy("llm"))
		var denied *redisrl.DeniedError
		if !errors.As(err, &denied) || !errors.Is(err, redisrl.ErrDenied) || denied.Decision.Blocking[0] != "calls" {
			t.Error(err)
		}
		if _, err := limiter.Reserve(context.Background(), key, redisrl.Policy("none")); !errors.Is(err, redisrl.ErrNoPolicy) {
			t.Error(err)
		}
	})
}

func TestReservationIsRenewed(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		key := t.Name()
		call, err := limiter.Reserve(context.Background(), key, redisrl.Policy("llm"), redisrl.TTL(300*time.Millisecond))
		servers.Must(t, err)
		abandoned, err := limiter.Quota(context.Background(), key, redisrl.Policy("llm"), redisrl.TTL(300*time.Millisecond))
		if err != nil || abandoned.ID == "" {
			t.Fatal(abandoned, err)
		}
		// The one that nobody renews runs out, and that is the only one.
		servers.Eventually(t, func() bool { return remaining(t, limiter, key)["calls"] == 1 })
		end := time.Now().Add(700 * time.Millisecond)
		for time.Now().Before(end) {
			if left := remaining(t, limiter, key)["calls"]; left != 1 {
				t.Fatal(left)
			}
			time.Sleep(20 * time.Millisecond)
		}
		servers.Must(t, call.Close())
		expect(t, remaining(t, limiter, key), map[string]int64{"calls": 2})
	})
}

func TestReservationOfSeveralKeys(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		servers.Must(t, limiter.Policies().Set(context.Background(), "org", redisrl.Limits{{Name: "tpm", Limit: 500, Window: time.Minute, Unit: "output"}}))
		of := []redisrl.KeyPolicy{{Key: "{x}:org:" + t.Name(), Policy: "org"}, {Key: "{x}:user:" + t.Name(), Policy: "llm"}}
		call, err := limiter.ReserveAll(context.Background(), of, redisrl.CostOf("output", 400))
		servers.Must(t, err)
		headers := http.Header{}
		headers.Set("anthropic-ratelimit-output-tokens-remaining", "90")
		servers.Must(t, call.Sync(context.Background(), profile.Named("anthropic"), headers))
		expect(t, remaining(t, limiter, of[1].Key), map[string]int64{"output": 90})
		servers.Must(t, call.Settle(context.Background(), redisrl.CostOf("output", 100)))
		expect(t, remaining(t, limiter, of[0].Key), map[string]int64{"tpm": 400})
	})
}

func TestReservationAtTheFirstKeyThatAdmits(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		ctx := context.Background()
		of := []redisrl.KeyPolicy{{Key: "{x}:opus:" + t.Name(), Policy: "llm"}, {Key: "{x}:haiku:" + t.Name(), Policy: "llm"}}
		preferred, err := limiter.ReserveFirst(ctx, of, redisrl.CostOf("output", 800))
		servers.Must(t, err)
		defer preferred.Close()
		other, err := limiter.ReserveFirst(ctx, of, redisrl.CostOf("output", 800))
		servers.Must(t, err)
		defer other.Close()
		if preferred.Decision.Index != 0 || other.Decision.Index != 1 {
			t.Error(preferred.Decision.Index, other.Decision.Index)
		}
		var denied *redisrl.DeniedError
		if _, err := limiter.ReserveFirst(ctx, of, redisrl.CostOf("output", 800)); !errors.As(err, &denied) || denied.Decision.Index != -1 {
			t.Error(err)
		}
		headers := http.Header{}
		headers.Set("anthropic-ratelimit-input-tokens-remaining", "90")
		servers.Must(t, other.Sync(ctx, profile.Named("anthropic"), headers))
		servers.Must(t, other.Settle(ctx, redisrl.CostOf("output", 300)))
		servers.Must(t, preferred.Cancel(ctx))
		expect(t, remaining(t, limiter, of[0].Key), map[string]int64{"output": 1000, "input": 1000, "calls": 2})
		expect(t, remaining(t, limiter, of[1].Key), map[string]int64{"output": 700, "input": 90, "calls": 2})
	})
}

func TestFirstKeyWithoutAServerIsThePreferredOne(t *testing.T) {
	of := []redisrl.KeyPolicy{{Key: "opus", Policy: "opus"}, {Key: "haiku", Policy: "haiku"}}
	nowhere := redisrl.HTTP{URL: "http://127.0.0.1:" + servers.FreePort(t)}
	call, err := redisrl.NewHTTP(nowhere, redisrl.Fail(redisrl.FailOpen)).ReserveFirst(context.Background(), of)
	if err != nil || call.Decision.Index != 0 {
		t.Error(call, err)
	}
	decided, err := redisrl.NewHTTP(nowhere).First(context.Background(), of)
	if err != nil || decided.Index != -1 {
		t.Error(decided, err)
	}
}

func TestReservationHoldsAndSyncs(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		key := t.Name()
		call, err := limiter.Reserve(context.Background(), key, redisrl.Policy("llm"))
		servers.Must(t, err)
		defer call.Close()
		headers := http.Header{}
		headers.Set("anthropic-ratelimit-requests-remaining", "4")
		headers.Set("anthropic-ratelimit-tokens-remaining", "4") // the policy has no such limit
		servers.Must(t, call.Sync(context.Background(), profile.Named("anthropic"), headers))
		expect(t, remaining(t, limiter, key), map[string]int64{"rpm": 4, "input": 1000})
		servers.Must(t, call.Hold(context.Background(), 20*time.Second))
		decided, err := limiter.Quota(context.Background(), key, redisrl.Policy("llm"), redisrl.TTL(time.Second))
		if err != nil || decided.Allowed || decided.RetryAfter < 10*time.Second {
			t.Error(decided, err)
		}
	})
}

func TestWaitersBeyondTheBoundGoByLane(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		key, ctx := t.Name(), context.Background()
		_, err := limiter.Slide(ctx, key, 1, 300*time.Millisecond)
		servers.Must(t, err)
		var mu sync.Mutex
		var order []redisrl.Lane
		var done sync.WaitGroup
		wait := func(lane redisrl.Lane) {
			done.Add(1)
			go func() {
				defer done.Done()
				decided, err := limiter.Slide(ctx, key, 1, 300*time.Millisecond, redisrl.Wait(20*time.Second), redisrl.Priority(lane))
				mu.Lock()
				defer mu.Unlock()
				if err != nil || !decided.Allowed {
					t.Error(decided, err)
				}
				order = append(order, lane)
			}()
		}
		// The first stands in the server's line. The others wait here, as MaxWaiting is 1.
		for n, lane := range []redisrl.Lane{redisrl.Normal, redisrl.Low, redisrl.High, redisrl.Critical} {
			wait(lane)
			servers.Eventually(t, func() bool { return limiter.Stats().Waiting == n+1 })
		}
		done.Wait()
		if len(order) != 4 || order[1] != redisrl.Critical || order[2] != redisrl.High || order[3] != redisrl.Low {
			t.Error(order)
		}
	}, redisrl.MaxWaiting(1))
}

func TestManyWaiters(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		var done sync.WaitGroup
		for range 200 {
			done.Add(1)
			go func() {
				defer done.Done()
				decided, err := limiter.Slide(context.Background(), t.Name(), 20, 100*time.Millisecond, redisrl.Wait(30*time.Second))
				if err != nil || !decided.Allowed || decided.Degraded != nil {
					t.Error(decided, err)
				}
			}()
		}
		done.Wait()
	}, redisrl.MaxWaiting(10))
}

// An end of a reservation that gets no answer is sent again, and books what was used.
func TestEndOfAReservationIsRepeated(t *testing.T) {
	server := servers.Redis(t)
	for name, client := range servers.Clients {
		t.Run(name, func(t *testing.T) {
			limiter, key, ctx := client(t, server.Addr, redisrl.Timeout(100*time.Millisecond)), t.Name(), context.Background()
			call, err := limiter.Reserve(ctx, key, llm, estimate)
			servers.Must(t, err)
			server.Signal(syscall.SIGSTOP)
			err = call.Settle(ctx, redisrl.CostOf("output", 50))
			server.Signal(syscall.SIGCONT)
			if !errors.Is(err, redisrl.ErrUnavailable) {
				t.Error(err)
			}
			servers.Eventually(t, func() bool {
				info, _, err := limiter.Info(ctx, key)
				return err == nil && info.Reservations == 0 && info.Limits["output"].Used == 50
			})
		})
	}
}
