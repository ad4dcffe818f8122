package provider

import (
	"context"
	"math"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/profile"
)

// Between two answers others may use the provider's limit, and requests are on their way. So a share of each limit, the margin, is
// left to the provider, unless the caller sets another.
const (
	defaultMargin = 0.03
	bucketMargin  = 0.05
)

// left is what a key with these limits is told. If less than the margin is left, the difference is a debt.
func (c *call) left(limits map[string]redisrl.Decision, told []profile.Left) []redisrl.Left {
	var left []redisrl.Left
	isTold := map[string]bool{}
	for _, one := range told {
		for _, name := range one.Names {
			decided, known := limits[name]
			limit := c.known.limits[name]
			if !known || isTold[name] || limit.Algorithm == redisrl.InFlight {
				continue
			}
			isTold[name] = true
			whole := one.Of
			if whole == 0 {
				whole = limit.Limit
			}
			if whole == 0 {
				whole = decided.Limit // the server does not say its policies
			}
			reserve := c.marginOf(limit) * float64(whole)
			if limit.Capacity > 0 {
				// At most a quarter of what a bucket holds, so that a provider whose bucket is as small always has room for it.
				reserve = min(reserve, float64(limit.Capacity)/4)
			}
			remaining := math.Floor(float64(one.Remaining) - reserve)
			left = append(left, redisrl.Left{Limit: name, Remaining: int64(remaining), Of: one.Of, Reset: one.Reset})
			break
		}
	}
	return left
}

// marginOf is the share of a limit that is left to the provider.
func (c *call) marginOf(limit redisrl.Limit) float64 {
	switch {
	case c.margin >= 0:
		return c.margin
	case limit.Algorithm == redisrl.TokenBucket:
		return bucketMargin
	}
	return defaultMargin
}

// sync passes on what the headers of an answer say, beside the answer, which does not wait for it. sent is when its request was
// sent. The channel is closed when that is done.
func (c *call) sync(ctx context.Context, limiter *redisrl.Limiter, reservation *redisrl.Reservation, sent time.Time, told profile.Told) <-chan struct{} {
	done := make(chan struct{})
	left := c.left(reservation.Decision.Limits, told.Limits)
	if len(left) == 0 || reservation.Decision.Degraded != nil {
		close(done)
		return done
	}
	go func() {
		defer close(done)
		// A failure is counted nowhere: the next answer says the same again.
		_, _ = limiter.SyncAged(context.WithoutCancel(ctx), c.key, time.Since(sent), left...)
	}()
	return done
}
