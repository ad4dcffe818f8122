// Package rlrueidis lets a redisrl.Limiter ask by rueidis.
//
//	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"localhost:6379"}})
//	limiter := rlrueidis.New(client)
//
// Commands go through the client's shared connection and are not retried. Commands that wait take connections of their own out
// of the client's pool for blocking commands (its BlockingPoolSize bounds them). The connection of a request that is given up is
// closed, so that the server takes it out of its line.
package rlrueidis

import (
	"context"
	"errors"
	"slices"
	"strings"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis/rueidis"
)

// New returns a Limiter that asks by a client of one server, of Sentinel or of a cluster.
func New(client rueidis.Client, settings ...redisrl.Setting) *redisrl.Limiter {
	return redisrl.New(Conn(client), settings...)
}

// Open is [New] for a URL, such as redis://user:password@localhost:6379/0.
func Open(url string, settings ...redisrl.Setting) (*redisrl.Limiter, error) {
	options, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	client, err := rueidis.NewClient(options)
	if err != nil {
		return nil, err
	}
	return New(client, settings...), nil
}

// Conn returns what a Limiter asks by.
func Conn(client rueidis.Client) redisrl.Conn { return &conn{client} }

type conn struct{ client rueidis.Client }

func (c *conn) Do(ctx context.Context, command *redisrl.Command) (any, error) {
	reply, err := redisrl.Bounded(ctx, func() (any, error) {
		switch {
		case command.EveryPrimary:
			return c.everyPrimary(ctx, command)
		case command.Wait > 0:
			return c.wait(ctx, command)
		}
		return c.client.Do(ctx, build(c.client, command)).ToAny()
	})
	return reply, classify(err)
}

// wait sends a command that waits by a connection of its own.
func (c *conn) wait(ctx context.Context, command *redisrl.Command) (any, error) {
	dedicated, release := c.client.Dedicate()
	defer release()
	// A closed connection is how the server learns that a waiting request is given up.
	stop := context.AfterFunc(ctx, dedicated.Close)
	defer stop()
	return dedicated.Do(ctx, build(dedicated, command)).ToAny()
}

// everyPrimary sends a command to each primary of a cluster. Replicas refuse it.
func (c *conn) everyPrimary(ctx context.Context, command *redisrl.Command) (any, error) {
	var last any
	for _, node := range c.client.Nodes() {
		reply, err := node.Do(ctx, build(node, command)).ToAny()
		if err != nil && strings.HasPrefix(err.Error(), "READONLY") {
			continue
		}
		if err != nil {
			return nil, err
		}
		last = reply
	}
	return last, nil
}

// builder is what clients and dedicated clients have in common.
type builder interface{ B() rueidis.Builder }

func build(by builder, command *redisrl.Command) rueidis.Completed {
	words := by.B().Arbitrary(command.Words[0])
	rest := command.Words[1:]
	// A cluster finds the node by the first key. The server itself says if the others are in another slot.
	if len(command.Keys) > 0 {
		if i := slices.Index(rest, command.Keys[0]); i >= 0 {
			words, rest = words.Args(rest[:i]...).Keys(rest[i]), rest[i+1:]
		}
	}
	words = words.Args(rest...)
	if command.Wait > 0 {
		return words.Blocking()
	}
	return words.Build()
}

// classify turns an error of the client into one of redisrl, or into nil for a nil reply.
func classify(err error) error {
	var answered *rueidis.RedisError
	switch {
	case err == nil, rueidis.IsRedisNil(err):
		return nil
	case errors.As(err, &answered):
		text := answered.Error()
		if word, _, _ := strings.Cut(text, " "); word != strings.ToUpper(word) {
			text = "ERR " + text // rueidis leaves it out
		}
		return redisrl.ServerError(text)
	}
	return err
}
