package redisrl

import (
	"context"
	"time"
)

// Conn sends commands to a server. The packages rlgoredis and rlrueidis make one from the client that a program has, and
// [NewHTTP] makes one that asks rl-coordinator.
//
// Do returns the reply as int64, string, nil, []any or a map, as clients of Redis decode it. An error that the server answers
// is a [ServerError]. Any other error means that no answer came. Do must return when ctx is done, and must then close the
// connection of a command that waits, so that the server takes it out of its line.
type Conn interface {
	Do(ctx context.Context, command *Command) (any, error)
}

// Command is a command for a server.
type Command struct {
	// Words are the words of the command, such as RL.SLIDE, key, 500, 60000ms.
	Words []string
	// Keys are the keys among the words: a cluster finds the node by them.
	Keys []string
	// Wait is how long the server may hold the client. 0: it answers at once.
	Wait time.Duration
	// EveryPrimary is set for a command that each primary of a cluster must get, as for policies.
	EveryPrimary bool

	web *webCall // the same for rl-coordinator; nil for a server of Redis
}

// Bounded runs ask and returns its answer, or the error of ctx as soon as ctx is done. Adapters use it, since clients of Redis
// do not honour a context everywhere, for example while they connect. ask then goes on alone until its own time-out.
func Bounded(ctx context.Context, ask func() (any, error)) (any, error) {
	type answer struct {
		reply any
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		reply, err := ask()
		answered <- answer{reply, err}
	}()
	select {
	case got := <-answered:
		return got.reply, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
