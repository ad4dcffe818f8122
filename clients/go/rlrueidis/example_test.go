package rlrueidis_test

import (
	"context"
	"fmt"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/rlrueidis"
	"github.com/redis/rueidis"
)

func Example() {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	limiter := rlrueidis.New(client)
	decided, err := limiter.Slide(context.Background(), "api:anthropic", 500, time.Minute)
	fmt.Println(decided.Allowed, decided.Remaining, err)
	// Output: true 499 <nil>
}

func Example_open() {
	limiter, err := rlrueidis.Open("redis://" + addr)
	if err != nil {
		panic(err)
	}
	for range 2 {
		decided, _ := limiter.Bucket(context.Background(), "api:slow", 1, 10, time.Second, redisrl.Wait(10*time.Second))
		fmt.Println(decided.Allowed)
	}
	// Output:
	// true
	// true
}
