package redisrl

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// Slide asks an exact sliding window: in every interval of length window, at most limit is admitted.
func (l *Limiter) Slide(ctx context.Context, key string, limit int64, window time.Duration, with ...Option) (Decision, error) {
	b := l.newCommand("/v1/slide", "RL.SLIDE", key).number("limit", limit).duration("window", window)
	return l.single(ctx, b, read(with))
}

// Window asks a fixed window that is aligned to the clock. window may also be [Week] or [Month], and [Offset] moves it.
func (l *Limiter) Window(ctx context.Context, key string, limit int64, window time.Duration, with ...Option) (Decision, error) {
	o := read(with)
	b := l.newCommand("/v1/window", "RL.WINDOW", key).number("limit", limit).duration("window", window)
	if o.offset != 0 {
		b.words("OFFSET").duration("offset", o.offset)
	}
	return l.single(ctx, b, o)
}

// Bucket asks a token bucket that holds capacity and gains refill tokens in each period, continuously. A period of 0 is
// a second.
func (l *Limiter) Bucket(ctx context.Context, key string, capacity int64, refill float64, period time.Duration, with ...Option) (Decision, error) {
	text := strconv.FormatFloat(refill, 'f', -1, 64)
	b := l.newCommand("/v1/bucket", "RL.BUCKET", key).number("capacity", capacity).words(text).field("refill", json.Number(text))
	if period != 0 {
		b.duration("period", period)
	}
	return l.single(ctx, b, read(with))
}

func (l *Limiter) single(ctx context.Context, b builder, o *options) (Decision, error) {
	reply, err := l.ask(ctx, o, b.addCost(o))
	var found Decision
	if err == nil {
		found, err = decision(reply)
	}
	if err != nil {
		allowed, degraded, failed := l.undecided(err)
		return Decision{Allowed: allowed, RetryAfter: retryDegraded(allowed, degraded), Degraded: degraded}, failed
	}
	l.stats.decided(found.Allowed)
	return found, nil
}

// Peek says whether a request of one limit would be admitted now. It consumes nothing and works on replicas. found is false if
// there is no such key.
func (l *Limiter) Peek(ctx context.Context, key string, with ...Option) (decided Decision, found bool, err error) {
	reply, err := l.send(ctx, l.newCommand("/v1/peek", "RL.PEEK", key).addCost(read(with)).Command)
	if err != nil || reply == nil {
		return Decision{}, false, err
	}
	decided, err = decision(reply)
	return decided, err == nil, err
}

// Refund gives n back that was admitted and not used after all. It returns what remains then.
func (l *Limiter) Refund(ctx context.Context, key string, n int64) (remaining int64, err error) {
	reply, err := l.send(ctx, l.newCommand("/v1/refund", "RL.REFUND", key).number("cost", n).Command)
	return count(reply, err)
}

// count reads a reply that is an integer.
func count(reply any, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	n, ok := integer(reply)
	if !ok {
		return 0, strange("an integer")
	}
	return n, nil
}
