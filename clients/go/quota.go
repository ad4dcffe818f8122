package redisrl

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Rules says by which limits a quota is asked: a [Policy] that the server keeps, or [Limits].
type Rules interface{ addTo(b builder) }

// Policy is the name of limits that the server keeps.
type Policy string

func (p Policy) addTo(b builder) { b.words("POLICY", string(p)).field("policy", string(p)) }

// Quota asks many limits under one key: all of them admit the request, or nothing is counted anywhere.
func (l *Limiter) Quota(ctx context.Context, key string, by Rules, with ...Option) (QuotaDecision, error) {
	b := l.newCommand("/v1/quota", "RL.QUOTA", key)
	by.addTo(b)
	return l.quota(ctx, b, read(with))
}

// KeyPolicy is a key of [Limiter.MQuota] or [Limiter.First], and the policy by which it is asked.
type KeyPolicy struct {
	Key    string `json:"key"`
	Policy Policy `json:"policy"`
}

// MQuota asks several keys, each by its policy, such as those of an organisation, its team and its user: all of them admit the
// request, or nothing is counted anywhere. In a cluster the keys must be in one slot.
func (l *Limiter) MQuota(ctx context.Context, of []KeyPolicy, with ...Option) (QuotaDecision, error) {
	return l.quota(ctx, l.manyKeys("/v1/mquota", "RL.MQUOTA", of), read(with))
}

// First asks several keys, each by its policy, in the order given: the first that admits the request is charged, such as the
// preferred model, or else the cheaper one. Index says which it is. The other fields are about that key; of a denial, about the
// one that admits it soonest. In a cluster the keys must be in one slot.
func (l *Limiter) First(ctx context.Context, of []KeyPolicy, with ...Option) (QuotaDecision, error) {
	return l.first(ctx, of, read(with))
}

func (l *Limiter) first(ctx context.Context, of []KeyPolicy, o *options) (QuotaDecision, error) {
	decided, err := l.decide(ctx, l.manyKeys("/v1/first", "RL.FIRST", of), o, firstDecision)
	if decided.Degraded != nil && !decided.Allowed {
		decided.Index = -1
	}
	return decided, err
}

func (l *Limiter) manyKeys(path, name string, of []KeyPolicy) builder {
	b := l.newCommand(path, name).words(strconv.Itoa(len(of))).field("keys", of)
	for _, one := range of {
		b.Keys = append(b.Keys, one.Key)
	}
	b.words(b.Keys...).words("POLICY")
	for _, one := range of {
		b.words(string(one.Policy))
	}
	return b
}

func (l *Limiter) quota(ctx context.Context, b builder, o *options) (QuotaDecision, error) {
	return l.decide(ctx, b, o, anyQuotaDecision)
}

// decide asks for an admission. readReply reads the reply, which may be short.
func (l *Limiter) decide(ctx context.Context, b builder, o *options, readReply func(any, bool) (QuotaDecision, error)) (QuotaDecision, error) {
	b.addCosts(o)
	if o.ttl > 0 {
		b.words("RESERVE").duration("reserve", o.ttl)
	}
	if o.id != "" {
		b.words("ID", o.id).field("id", o.id)
	}
	reply, err := l.ask(ctx, o, b)
	var found QuotaDecision
	if err == nil {
		found, err = readReply(reply, o.isShort)
	}
	if err != nil {
		allowed, degraded, failed := l.undecided(err)
		return QuotaDecision{Allowed: allowed, RetryAfter: retryDegraded(allowed, degraded), Degraded: degraded}, failed
	}
	l.stats.decided(found.Allowed)
	return found, nil
}

// addCosts adds the costs of a quota. Cost is that of the unit requests.
func (b builder) addCosts(o *options) {
	costs := o.costs
	if o.costed {
		costs = append([]unitCost{{"requests", o.cost}}, costs...)
	}
	if len(costs) == 0 {
		return
	}
	body := make(map[string]int64, len(costs))
	for _, cost := range costs {
		b.words("COST", cost.unit, strconv.FormatInt(cost.n, 10))
		body[cost.unit] = cost.n
	}
	b.field("cost", body)
}

func sorted[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// PeekQuota says whether a request of a quota would be admitted now. It consumes nothing and works on replicas. found is false
// if there is no such key.
func (l *Limiter) PeekQuota(ctx context.Context, key string, with ...Option) (decided QuotaDecision, found bool, err error) {
	b := l.newCommand("/v1/peek", "RL.PEEK", key)
	b.addCosts(read(with))
	reply, err := l.send(ctx, b.Command)
	if err != nil || reply == nil {
		return QuotaDecision{}, false, err
	}
	decided, err = quotaDecision(reply)
	return decided, err == nil, err
}

// Settle reports what a reservation really used, by [CostOf]. Units that are not named stay as they were charged. It returns
// false if there is no such reservation: then nothing has changed.
func (l *Limiter) Settle(ctx context.Context, key, id string, used ...Option) (bool, error) {
	b := l.newCommand("/v1/settle", "RL.SETTLE", key).words(id).field("id", id)
	b.addCosts(read(used))
	return l.done(ctx, b)
}

// Cancel gives back everything that a reservation was charged. It returns false if there is no such reservation.
func (l *Limiter) Cancel(ctx context.Context, key, id string) (bool, error) {
	return l.done(ctx, l.newCommand("/v1/cancel", "RL.CANCEL", key).words(id).field("id", id))
}

// Renew makes a reservation last for ttl from now on. It returns false if there is no such reservation.
func (l *Limiter) Renew(ctx context.Context, key, id string, ttl time.Duration) (bool, error) {
	return l.done(ctx, l.newCommand("/v1/renew", "RL.RENEW", key).words(id).field("id", id).duration("ttl", ttl))
}

func (l *Limiter) done(ctx context.Context, b builder) (bool, error) {
	n, err := count(l.send(ctx, b.Command))
	return n > 0, err
}
