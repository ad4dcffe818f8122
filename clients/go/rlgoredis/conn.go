// Package rlgoredis lets a redisrl.Limiter ask by go-redis.
//
//	rdb := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
//	limiter := rlgoredis.New(rdb)
//
// Commands go through the pool of the client that is given, without its retries and within the Limiter's time-out. Commands
// that wait take connections of their own: the package opens them as the client's options say, and closes one whose request
// is given up, so that the server takes it out of its line.
package rlgoredis

import (
	"context"
	"errors"
	"strings"
	"sync"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis/go-redis/v9"
)

// New returns a Limiter that asks by a client of one server, of Sentinel (redis.NewFailoverClient) or of a cluster.
func New(client redis.UniversalClient, settings ...redisrl.Setting) *redisrl.Limiter {
	return redisrl.New(Conn(client), settings...)
}

// Open is [New] for a URL, such as redis://user:password@localhost:6379/0.
func Open(url string, settings ...redisrl.Setting) (*redisrl.Limiter, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	return New(redis.NewClient(options), settings...), nil
}

// Conn returns what a Limiter asks by.
func Conn(client redis.UniversalClient) redisrl.Conn {
	return &conn{client: client, nodes: map[*redis.Client]*node{}}
}

type conn struct {
	client redis.UniversalClient

	mu    sync.Mutex
	nodes map[*redis.Client]*node
}

// redirects is how often a command may be sent to another node of a cluster. A node that redirects has done nothing.
const redirects = 3

func (c *conn) Do(ctx context.Context, command *redisrl.Command) (any, error) {
	reply, err := redisrl.Bounded(ctx, func() (any, error) {
		switch client := c.client.(type) {
		case *redis.Client:
			return c.node(client).do(ctx, command)
		case *redis.ClusterClient:
			return c.cluster(ctx, client, command)
		default:
			return c.client.Do(ctx, arguments(command)...).Result()
		}
	})
	return reply, classify(err)
}

func (c *conn) cluster(ctx context.Context, client *redis.ClusterClient, command *redisrl.Command) (any, error) {
	if command.EveryPrimary {
		var mu sync.Mutex
		var last any
		err := client.ForEachMaster(ctx, func(ctx context.Context, primary *redis.Client) error {
			reply, err := c.node(primary).do(ctx, command)
			mu.Lock()
			defer mu.Unlock()
			last = reply
			return err
		})
		return last, err
	}
	key := ""
	if len(command.Keys) > 0 {
		key = command.Keys[0]
	}
	for attempt := 0; ; attempt++ {
		primary, err := client.MasterForKey(ctx, key)
		if err != nil {
			return nil, err
		}
		reply, err := c.node(primary).do(ctx, command)
		switch {
		case err == nil || attempt == redirects:
			return reply, err
		case strings.HasPrefix(err.Error(), "ASK "), strings.HasPrefix(err.Error(), "MOVED ") && command.Wait <= 0:
			client.ReloadState(ctx)
			return client.Do(ctx, arguments(command)...).Result() // it goes to the node that the server named
		case strings.HasPrefix(err.Error(), "MOVED "):
			client.ReloadState(ctx)
		default:
			return nil, err
		}
	}
}

func arguments(command *redisrl.Command) []any {
	arguments := make([]any, len(command.Words))
	for i, word := range command.Words {
		arguments[i] = word
	}
	return arguments
}

// classify turns an error of the client into one of redisrl, or into nil for a nil reply.
func classify(err error) error {
	var answered redis.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return nil
	case errors.As(err, &answered) && !errors.Is(err, redis.ErrClosed):
		return redisrl.ServerError(answered.Error())
	}
	return err
}

// node returns the connections to a server.
func (c *conn) node(client *redis.Client) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.nodes[client]; known != nil {
		return known
	}
	made := newNode(client)
	c.nodes[client] = made
	return made
}
