package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

// Run makes a call and returns its answer in the neutral form.
func Run(l *redisrl.Limiter, call string, a *Args) (any, error) {
	ctx, with := context.Background(), a.options()
	switch call {
	case "slide":
		return one(l.Slide(ctx, a.Key, a.Limit, a.window(), with...))
	case "window":
		return one(l.Window(ctx, a.Key, a.Limit, a.window(), with...))
	case "bucket":
		refill, _ := a.Refill.Float64()
		return one(l.Bucket(ctx, a.Key, a.Capacity, refill, ms(a.Period), with...))
	case "quota":
		return many(l.Quota(ctx, a.Key, a.rules(), with...))
	case "mquota":
		return many(l.MQuota(ctx, a.Keys, with...))
	case "first":
		return first(l.First(ctx, a.Keys, with...))
	case "peek":
		return peek(ctx, l, a, with)
	case "settle":
		return answer(l.Settle(ctx, a.Key, a.ID, with...))
	case "cancel":
		return answer(l.Cancel(ctx, a.Key, a.ID))
	case "renew":
		return answer(l.Renew(ctx, a.Key, a.ID, ms(a.TTL)))
	case "refund":
		var n int64
		_, err := fmt.Sscan(string(a.Cost), &n)
		if err != nil {
			n = 1
		}
		return answer(l.Refund(ctx, a.Key, n))
	case "hold":
		var names []string
		_ = unmarshal(a.Limits, &names)
		d, err := l.Hold(ctx, a.Key, ms(a.Duration), names...)
		return answer(d.Milliseconds(), err)
	case "sync":
		tell := l.Sync
		if a.Age != nil {
			tell = func(ctx context.Context, key string, left ...redisrl.Left) (map[string]int64, error) {
				return l.SyncAged(ctx, key, ms(*a.Age), left...)
			}
		}
		used, err := tell(ctx, a.Key, a.left()...)
		if n, isOne := used[""]; isOne {
			return answer(n, err)
		}
		return answer(used, err)
	}
	return operate(ctx, l, call, a)
}

// operate makes the calls that are for operators.
func operate(ctx context.Context, l *redisrl.Limiter, call string, a *Args) (any, error) {
	switch call {
	case "info":
		info, found, err := l.Info(ctx, a.Key)
		if err != nil || !found {
			return nil, err
		}
		return infoAnswer(info), nil
	case "top":
		keys, err := l.Top(ctx, map[string]redisrl.TopOf{
			"denied": redisrl.Denied, "admitted": redisrl.Admitted, "held": redisrl.Held,
		}[a.By], a.Count)
		rows := []any{}
		for _, key := range keys {
			rows = append(rows, map[string]any{"key": key.Key, "count": key.Count, "error": key.Error})
		}
		return answer(rows, err)
	case "top_reset":
		return nil, l.ResetTop(ctx)
	case "policies":
		return answer(l.Policies().List(ctx))
	case "policy_set":
		return nil, l.Policies().Set(ctx, a.Name, a.limits())
	case "policy_delete":
		return answer(l.Policies().Delete(ctx, a.Name))
	case "policy_get":
		return limits(l.Policies().Get(ctx, a.Name))
	case "overrides":
		keys, found, err := l.Policies().Overrides(ctx, a.Name)
		if err != nil || !found {
			return nil, err
		}
		return append([]string{}, keys...), nil
	case "override_get":
		return limits(l.Policies().Override(ctx, a.Name, a.Key))
	case "override_set":
		return nil, l.Policies().SetOverride(ctx, a.Name, a.Key, a.limits())
	case "override_delete":
		return nil, l.Policies().DeleteOverride(ctx, a.Name, a.Key)
	}
	return nil, fmt.Errorf("no call %q", call)
}

func limits(of redisrl.Limits, found bool, err error) (any, error) {
	if err != nil || !found {
		return nil, err
	}
	rows := []any{}
	for _, limit := range of {
		rows = append(rows, limitAnswer(limit))
	}
	return rows, nil
}

func answer[T any](value T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return value, nil
}

func peek(ctx context.Context, l *redisrl.Limiter, a *Args, with []redisrl.Option) (any, error) {
	if !a.isByUnit() {
		decided, found, err := l.Peek(ctx, a.Key, with...)
		if err == nil && !found {
			return nil, nil
		}
		// A key of a quota answers in another form, which PeekQuota reads.
		var wrong *redisrl.Error
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Text, "the five integers") {
			return one(decided, err)
		}
	}
	decided, found, err := l.PeekQuota(ctx, a.Key, with...)
	if err == nil && !found {
		return nil, nil
	}
	return many(decided, err)
}

func retryAfter(d time.Duration) any {
	if d == redisrl.Never {
		return nil
	}
	return d.Milliseconds()
}

func row(of redisrl.Decision) map[string]any {
	return map[string]any{
		"limit": of.Limit, "remaining": of.Remaining,
		"retry_after_ms": retryAfter(of.RetryAfter), "reset_after_ms": of.ResetAfter.Milliseconds(),
	}
}

func one(of redisrl.Decision, err error) (any, error) {
	fields := row(of)
	fields["allowed"], fields["degraded"] = of.Allowed, of.Degraded != nil
	return answer(fields, err)
}

func many(of redisrl.QuotaDecision, err error) (any, error) {
	limits := map[string]any{}
	for name, limit := range of.Limits {
		limits[name] = row(limit)
	}
	fields := map[string]any{
		"allowed": of.Allowed, "retry_after_ms": retryAfter(of.RetryAfter), "blocking": append([]string{}, of.Blocking...),
		"limits": limits, "id": any(of.ID), "degraded": of.Degraded != nil,
	}
	if of.ID == "" {
		fields["id"] = nil
	}
	return answer(fields, err)
}

func first(of redisrl.QuotaDecision, err error) (any, error) {
	decided, err := many(of, err)
	if fields, ok := decided.(map[string]any); ok {
		fields["index"] = of.Index
	}
	return decided, err
}
