package redisrl

import (
	"context"
	"strconv"
	"time"
)

// Hold admits nobody at the key before d from now, or nobody at these limits of a quota. A hold that ends later stays, and a d
// of 0 lifts it. It returns the time until the hold ends.
func (l *Limiter) Hold(ctx context.Context, key string, d time.Duration, limits ...string) (time.Duration, error) {
	b := l.newCommand("/v1/hold", "RL.HOLD", key).duration("duration", d)
	for _, name := range limits {
		b.words("LIMIT", name)
	}
	if len(limits) > 0 {
		b.field("limits", limits)
	}
	ms, err := count(l.send(ctx, b.Command))
	return milliseconds(ms), err
}

// Left is what somebody else's count says that is left of a limit.
type Left struct {
	// Limit is the name of the limit in a quota; "" for a key of one limit.
	Limit string
	// Remaining is a debt if it is below 0: it must come back before anybody is admitted.
	Remaining int64
	// Of is what the limit is there; 0 if it is not known. A lower one than here counts here, too.
	Of int64
	// Reset is when that starts anew; 0 if it is not known. [AtOnce] says that nothing is used elsewhere.
	Reset time.Duration
}

// AtOnce is a Reset that has passed: nothing is used elsewhere any more.
const AtOnce time.Duration = -1

// Sync tells a key what is left by a provider's count, so that what others use there counts here, too. It only tightens. It
// returns how much is used elsewhere, by the name of the limit; "" for a key of one limit.
func (l *Limiter) Sync(ctx context.Context, key string, left ...Left) (map[string]int64, error) {
	return l.sync(ctx, key, left, func(builder) {})
}

// SyncAged is [Limiter.Sync] by a response whose request was sent so long ago. Responses overtake each other: one to an older
// request than that of the last one is ignored.
func (l *Limiter) SyncAged(ctx context.Context, key string, age time.Duration, left ...Left) (map[string]int64, error) {
	return l.sync(ctx, key, left, func(b builder) { b.words("AGE").duration("age", max(age, 0)) })
}

// sync tells what is left. end adds what stands behind all limits.
func (l *Limiter) sync(ctx context.Context, key string, left []Left, end func(builder)) (map[string]int64, error) {
	b := l.newCommand("/v1/sync", "RL.SYNC", key)
	limits := map[string]any{}
	for _, one := range left {
		body := map[string]any{"remaining": one.Remaining}
		if one.Limit != "" {
			b.words("LIMIT", one.Limit)
			limits[one.Limit] = body
		}
		b.words("REMAINING", strconv.FormatInt(one.Remaining, 10))
		if one.Of != 0 {
			body["of"] = one.Of
			b.words("OF", strconv.FormatInt(one.Of, 10))
		}
		if one.Reset != 0 {
			reset := max(one.Reset, 0)
			body["reset"] = durationField(reset)
			b.words("RESET", durationWord(reset))
		}
		if one.Limit == "" {
			for name, value := range body {
				b.field(name, value)
			}
		}
	}
	end(b)
	if len(limits) > 0 {
		b.field("limits", limits)
	}
	reply, err := l.send(ctx, b.Command)
	if err != nil {
		return nil, err
	}
	if n, ok := integer(reply); ok {
		return map[string]int64{"": n}, nil
	}
	return counts(reply)
}

// counts reads a map of numbers.
func counts(reply any) (map[string]int64, error) {
	fields, _, ok := dict(reply)
	found := make(map[string]int64, len(fields))
	for name, value := range fields {
		n, isNumber := integer(value)
		ok = ok && isNumber
		found[name] = n
	}
	if !ok {
		return nil, strange("a map of integers")
	}
	return found, nil
}
