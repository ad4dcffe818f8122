// Rate limits with go-redis. Its function Do sends any command.
//
// REDIS_URL is the address of the server. REDIS_PROTOCOL=3 selects RESP3. REDIS_CLUSTER=yes selects a cluster.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Returns a client that waits for a reply for at most timeout.
func connect(timeout time.Duration) redis.UniversalClient {
	options, err := redis.ParseURL(env("REDIS_URL", "redis://127.0.0.1:6379"))
	check(err)
	protocol := 2
	if os.Getenv("REDIS_PROTOCOL") == "3" {
		protocol = 3
	}
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:         []string{options.Addr},
		Username:      options.Username,
		Password:      options.Password,
		TLSConfig:     options.TLSConfig,
		Protocol:      protocol,
		ReadTimeout:   timeout,
		IsClusterMode: os.Getenv("REDIS_CLUSTER") == "yes",
	})
}

func tell(name string, reply []int64, err error) {
	check(err)
	allowed, limit, remaining, retryMs := reply[0], reply[1], reply[2], reply[3]
	if allowed == 1 {
		fmt.Printf("%s: admitted, %d of %d left\n", name, remaining, limit)
	} else {
		fmt.Printf("%s: denied, ask again in %d ms\n", name, retryMs)
	}
}

// Admits at most 3 requests in any 60 seconds.
func slide(ctx context.Context, r redis.UniversalClient, key string) {
	reply, err := r.Do(ctx, "RL.SLIDE", key, 3, 60).Int64Slice()
	tell("slide", reply, err)
}

// Admits bursts of 2 requests, and one more request every 60 seconds.
func bucket(ctx context.Context, r redis.UniversalClient, key string) {
	reply, err := r.Do(ctx, "RL.BUCKET", key, 2, 1, 60).Int64Slice()
	tell("bucket", reply, err)
}

type reservation struct{ key, id string }

// Reserves a call at the first model that has room.
func reserve(ctx context.Context, r redis.UniversalClient, run string, tokens int) (reservation, bool) {
	for _, model := range []string{"large", "small"} {
		key := fmt.Sprintf("example:%s:%s", run, model)
		reply, err := r.Do(ctx, "RL.QUOTA", key,
			"LIMIT", "rpm", 10, 60,
			"LIMIT", "tpm", 5000, 60, "UNIT", "tokens",
			"LIMIT", "calls", 5, "INFLIGHT",
			"COST", "tokens", tokens,
			"RESERVE", 60).Slice()
		check(err)
		if reply[0].(int64) == 1 {
			fmt.Printf("quota: %s takes it\n", model)
			return reservation{key, reply[4].(string)}, true
		}
		var blocking []string
		for _, name := range reply[2].([]interface{}) {
			blocking = append(blocking, name.(string))
		}
		fmt.Printf("quota: %s is full (%s)\n", model, strings.Join(blocking, ", "))
	}
	return reservation{}, false
}

// Reports the real cost of the call. The rest is free again.
func settle(ctx context.Context, r redis.UniversalClient, call reservation, used int) {
	check(r.Do(ctx, "RL.SETTLE", call.key, call.id, "COST", "tokens", used).Err())
	fmt.Printf("settle: %d tokens used\n", used)
}

// Waits in line for up to 10 seconds, before waiters of lower lanes. The timeout of r must be longer.
func wait(ctx context.Context, r redis.UniversalClient, key string) {
	check(r.Do(ctx, "RL.SLIDE", key, 1, 3).Err())
	began := time.Now()
	reply, err := r.Do(ctx, "RL.SLIDE", key, 1, 3, "WAIT", 10, "PRIORITY", "HIGH").Int64Slice()
	check(err)
	verdict := "denied"
	if reply[0] == 1 {
		verdict = "admitted"
	}
	fmt.Printf("wait: %s after %d ms in line\n", verdict, time.Since(began).Milliseconds())
}

// The choice for when Redis cannot be asked.
type ifAway bool

const (
	admit  ifAway = true
	refuse ifAway = false
)

// Returns true if the call may proceed.
func mayI(ctx context.Context, r redis.UniversalClient, key string, away ifAway) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	reply, err := r.Do(ctx, "RL.SLIDE", key, 100, 60).Int64Slice()
	var said redis.Error
	if errors.As(err, &said) {
		log.Fatal(said) // Redis answers that the request is wrong
	}
	if err != nil {
		return bool(away)
	}
	return reply[0] == 1
}

func main() {
	ctx := context.Background()
	random := make([]byte, 4)
	_, err := rand.Read(random)
	check(err)
	run := hex.EncodeToString(random)
	r := connect(2 * time.Second)
	defer r.Close()

	for i := 0; i < 4; i++ {
		slide(ctx, r, "example:"+run+":slide")
	}
	for i := 0; i < 3; i++ {
		bucket(ctx, r, "example:"+run+":bucket")
	}

	large, _ := reserve(ctx, r, run, 4000)
	small, _ := reserve(ctx, r, run, 4000)
	settle(ctx, r, large, 800)
	again, _ := reserve(ctx, r, run, 4000)
	settle(ctx, r, small, 3000)
	settle(ctx, r, again, 4200) // the excess over the reservation also counts

	patient := connect(12 * time.Second)
	defer patient.Close()
	wait(ctx, patient, "example:"+run+":wait")

	options, err := redis.ParseURL(env("REDIS_AWAY_URL", "redis://127.0.0.1:1")) // no server answers here
	check(err)
	options.ContextTimeoutEnabled = true // the context's deadline also applies to replies
	options.MaxRetries, options.DialerRetries = -1, 1
	away := redis.NewClient(options)
	defer away.Close()
	for _, choice := range []ifAway{admit, refuse} {
		name, verdict := "closed", "refused"
		if choice == admit {
			name = "open"
		}
		if mayI(ctx, away, "example:"+run+":away", choice) {
			verdict = "admitted"
		}
		fmt.Printf("away, fail %s: %s\n", name, verdict)
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
