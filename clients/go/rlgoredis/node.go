package rlgoredis

import (
	"context"
	"sync"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// idleMax is how many connections for waiting are kept for the next request that waits.
const idleMax = 64

// node has the connections to one server.
type node struct {
	client *redis.Client // the user's, with their pool, for commands that are answered at once
	once   *redis.Client // the same pool without retries, bounded by contexts alone

	mu   sync.Mutex
	idle []*redis.Client // each has one connection, for a command that waits
}

func newNode(client *redis.Client) *node {
	once := client.WithTimeout(0)
	// The options of a client made by WithTimeout are its own, and nobody else uses it yet.
	once.Options().MaxRetries = 0
	once.Options().ContextTimeoutEnabled = true
	return &node{client: client, once: once}
}

func (n *node) do(ctx context.Context, command *redisrl.Command) (any, error) {
	if command.Wait <= 0 {
		return n.once.Do(ctx, arguments(command)...).Result()
	}
	waiter := n.waiter()
	// A closed connection is how the server learns that a waiting request is given up.
	stop := context.AfterFunc(ctx, func() { _ = waiter.Close() })
	reply, err := waiter.Do(ctx, arguments(command)...).Result()
	if !stop() {
		return nil, ctx.Err()
	}
	n.keep(waiter)
	return reply, err
}

func (n *node) waiter() *redis.Client {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last := len(n.idle) - 1; last >= 0 {
		waiter := n.idle[last]
		n.idle = n.idle[:last]
		return waiter
	}
	options := *n.client.Options()
	options.PoolSize, options.MinIdleConns, options.MaxIdleConns, options.MaxActiveConns = 1, 0, 1, 0
	options.DialerRetries = 1
	// Two clients cannot share what handles push messages. A connection for one command needs no notice of maintenance.
	options.PushNotificationProcessor = nil
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	options.MaxRetries, options.ReadTimeout, options.ContextTimeoutEnabled = -1, -1, true
	return redis.NewClient(&options)
}

func (n *node) keep(waiter *redis.Client) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.idle) < idleMax {
		n.idle = append(n.idle, waiter)
		return
	}
	_ = waiter.Close()
}
