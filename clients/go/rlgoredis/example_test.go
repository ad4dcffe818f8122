package rlgoredis_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/profile"
	"github.com/redis-rl/redis-rl/clients/go/rlgoredis"
	"github.com/redis/go-redis/v9"
)

// The examples ask the server that TestMain starts.
var (
	ctx     = context.Background()
	rdb     *redis.Client
	limiter *redisrl.Limiter
)

func Example() {
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	limiter := rlgoredis.New(rdb, redisrl.Fail(redisrl.FailOpen), redisrl.Timeout(2*time.Second))
	decided, err := limiter.Slide(ctx, "api:anthropic", 500, time.Minute)
	fmt.Println(decided.Allowed, decided.Remaining, err)
	// Output: true 499 <nil>
}

func Example_open() {
	limiter, err := rlgoredis.Open("redis://" + addr + "/0")
	if err != nil {
		panic(err)
	}
	decided, _ := limiter.Slide(ctx, "api:mistral", 5, time.Minute, redisrl.Cost(6))
	fmt.Println(decided.Allowed, decided.RetryAfter == redisrl.Never)
	// Output: false true
}

func Example_window() {
	decided, _ := limiter.Window(ctx, "api:day", 10_000, 24*time.Hour, redisrl.Offset(-8*time.Hour))
	month, _ := limiter.Window(ctx, "api:month", 100_000, redisrl.Month)
	fmt.Println(decided.Remaining, month.Remaining)
	// Output: 9999 99999
}

func Example_bucket() {
	decided, _ := limiter.Bucket(ctx, "api:openai", 50, 500, time.Minute)
	fmt.Println(decided.Remaining, decided.ResetAfter)
	// Output: 49 120ms
}

func Example_wait() {
	for range 2 {
		decided, _ := limiter.Slide(ctx, "api:slow", 1, 100*time.Millisecond,
			redisrl.Wait(10*time.Second), redisrl.Priority(redisrl.High))
		fmt.Println(decided.Allowed)
	}
	// Output:
	// true
	// true
}

func Example_peek() {
	_, found, _ := limiter.Peek(ctx, "api:peek")
	fmt.Println(found)
	_, _ = limiter.Slide(ctx, "api:peek", 2, time.Minute)
	decided, _, _ := limiter.Peek(ctx, "api:peek", redisrl.Cost(2))
	fmt.Println(decided.Allowed, decided.Remaining)
	// Output:
	// false
	// false 1
}

func Example_refund() {
	_, _ = limiter.Slide(ctx, "api:refund", 10, time.Minute, redisrl.Cost(4))
	remaining, _ := limiter.Refund(ctx, "api:refund", 3)
	fmt.Println(remaining)
	// Output: 9
}

func Example_quota() {
	limits := redisrl.Limits{
		{Name: "rpm", Limit: 1000, Window: time.Minute},
		{Name: "tpm", Limit: 80_000, Window: time.Minute, Unit: "tokens"},
	}
	decided, _ := limiter.Quota(ctx, "q:limits", limits, redisrl.CostOf("tokens", 500))
	fmt.Println(decided.Allowed, decided.Limits["tpm"].Remaining)
	decided, _ = limiter.Quota(ctx, "q:limits", limits, redisrl.CostOf("tokens", 80_000))
	fmt.Println(decided.Allowed, decided.Blocking)
	// Output:
	// true 79500
	// false [tpm]
}

func Example_mQuota() {
	_ = limiter.Policies().Set(ctx, "org", redisrl.Limits{{Name: "rpm", Limit: 100, Window: time.Minute}})
	_ = limiter.Policies().Set(ctx, "user", redisrl.Limits{{Name: "rpm", Limit: 1, Window: time.Minute}})
	keys := []redisrl.KeyPolicy{{Key: "{acme}:org", Policy: "org"}, {Key: "{acme}:ann", Policy: "user"}}
	for range 2 {
		decided, _ := limiter.MQuota(ctx, keys)
		fmt.Println(decided.Allowed, decided.Blocking, decided.Limits["org/rpm"].Remaining)
	}
	// Output:
	// true [] 99
	// false [user/rpm] 99
}

func Example_reserve() {
	_ = limiter.Policies().Set(ctx, "claude", redisrl.Limits{
		{Name: "output", Limit: 10_000, Window: time.Minute, Unit: "output"},
		{Name: "calls", Limit: 1, Algorithm: redisrl.InFlight},
	})
	ask := func() error {
		call, err := limiter.Reserve(ctx, "q:claude", redisrl.Policy("claude"), redisrl.CostOf("output", 4096))
		if err != nil {
			return err
		}
		defer call.Close()
		_, second := limiter.Reserve(ctx, "q:claude", redisrl.Policy("claude"))
		fmt.Println(errors.Is(second, redisrl.ErrDenied))
		return call.Settle(ctx, redisrl.CostOf("output", 812))
	}
	fmt.Println(ask())
	decided, _, _ := limiter.PeekQuota(ctx, "q:claude")
	fmt.Println(decided.Limits["output"].Remaining, decided.Limits["calls"].Remaining)
	// Output:
	// true
	// <nil>
	// 9188 1
}

func Example_sync() {
	limits := redisrl.Limits{{Name: "requests", Limit: 500, Window: time.Minute}}
	call, err := limiter.Reserve(ctx, "q:sync", limits)
	if err != nil {
		panic(err)
	}
	defer call.Close()
	headers := map[string][]string{"X-Ratelimit-Remaining-Requests": {"120"}, "X-Ratelimit-Reset-Requests": {"30s"}}
	fmt.Println(call.Sync(ctx, profile.Named("openai"), headers))
	decided, _, _ := limiter.PeekQuota(ctx, "q:sync")
	fmt.Println(decided.Limits["requests"].Remaining)
	// Output:
	// <nil>
	// 120
}

func Example_debt() {
	limits := redisrl.Limits{{Name: "requests", Limit: 500, Window: time.Minute}}
	_, _ = limiter.Quota(ctx, "q:debt", limits)
	// A response to a request that was sent 250 ms ago says that 3 too many were used.
	left := redisrl.Left{Limit: "requests", Remaining: -3, Of: 500, Reset: 30 * time.Second}
	elsewhere, err := limiter.SyncAged(ctx, "q:debt", 250*time.Millisecond, left)
	fmt.Println(elsewhere, err)
	decided, _, _ := limiter.PeekQuota(ctx, "q:debt")
	fmt.Println(decided.Allowed)
	// Output:
	// map[requests:502] <nil>
	// false
}

func Example_hold() {
	held, _ := limiter.Hold(ctx, "api:held", 20*time.Second)
	decided, _ := limiter.Slide(ctx, "api:held", 5, time.Minute)
	fmt.Println(held, decided.Allowed)
	_, _ = limiter.Hold(ctx, "api:held", 0)
	decided, _ = limiter.Slide(ctx, "api:held", 5, time.Minute)
	fmt.Println(decided.Allowed)
	// Output:
	// 20s false
	// true
}

func Example_info() {
	_, _ = limiter.Slide(ctx, "api:info", 5, time.Minute, redisrl.Cost(2))
	info, _, _ := limiter.Info(ctx, "api:info")
	limit := info.Limits[""]
	fmt.Println(info.Algorithm, limit.Window, limit.Used, limit.Remaining)
	// Output: slide 1m0s 2 3
}

func Example_policies() {
	policies := limiter.Policies()
	_ = policies.Set(ctx, "chat", redisrl.Limits{{Name: "rpm", Limit: 500, Window: time.Minute}})
	limits, found, _ := policies.Get(ctx, "chat")
	fmt.Println(found, limits[0].Name, limits[0].Limit, limits[0].Unit)
	deleted, _ := policies.Delete(ctx, "chat")
	_, err := limiter.Quota(ctx, "q:chat", redisrl.Policy("chat"))
	fmt.Println(deleted, errors.Is(err, redisrl.ErrNoPolicy))
	// Output:
	// true rpm 500 requests
	// true true
}

func Example_top() {
	_ = limiter.ResetTop(ctx)
	_, _ = limiter.Slide(ctx, "api:top", 0, time.Minute)
	top, _ := limiter.Top(ctx, redisrl.Denied, 1)
	fmt.Println(top[0].Key, top[0].Count)
	// Output: api:top 1
}
