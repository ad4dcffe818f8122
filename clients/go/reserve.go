package redisrl

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redis-rl/redis-rl/clients/go/profile"
)

// Reservation is an admitted request whose cost is an estimate until it is settled. Its methods may be called by several
// goroutines at once.
type Reservation struct {
	// Decision is the answer that admitted the request.
	Decision QuotaDecision

	limiter *Limiter
	of      []KeyPolicy // of one key: its policy is ""
	ttl     time.Duration

	mu     sync.Mutex
	isOpen bool
	renew  *time.Timer
}

// Reserve asks a quota and reserves the costs as an estimate. A denial is a [DeniedError]. Close the reservation by defer:
// unless it is settled or cancelled by then, the estimate stays charged, since it is not known what was used. While it is
// open, it is renewed.
func (l *Limiter) Reserve(ctx context.Context, key string, by Rules, with ...Option) (*Reservation, error) {
	b := l.newCommand("/v1/quota", "RL.QUOTA", key)
	by.addTo(b)
	return l.reserveAt(ctx, b, []KeyPolicy{{Key: key}}, with)
}

// ReserveAll is [Limiter.Reserve] for several keys, each by its policy.
func (l *Limiter) ReserveAll(ctx context.Context, of []KeyPolicy, with ...Option) (*Reservation, error) {
	return l.reserveAt(ctx, l.manyKeys("/v1/mquota", "RL.MQUOTA", of), of, with)
}

// ReserveFirst is [Limiter.Reserve] at the first of several keys that admits, as for [Limiter.First]. Decision.Index says which
// it is.
func (l *Limiter) ReserveFirst(ctx context.Context, of []KeyPolicy, with ...Option) (*Reservation, error) {
	ask := func(o *options) (QuotaDecision, []KeyPolicy, error) {
		decided, err := l.first(ctx, of, o)
		if err != nil || !decided.Allowed {
			return decided, nil, err
		}
		if decided.Index < 0 || decided.Index >= len(of) {
			return decided, nil, strange("the index of a key")
		}
		// Its limits are those of one key, and named without the policy.
		return decided, []KeyPolicy{{Key: of[decided.Index].Key}}, nil
	}
	return l.reserve(with, ask)
}

func (l *Limiter) reserveAt(ctx context.Context, b builder, of []KeyPolicy, with []Option) (*Reservation, error) {
	return l.reserve(with, func(o *options) (QuotaDecision, []KeyPolicy, error) {
		decided, err := l.quota(ctx, b, o)
		return decided, of, err
	})
}

// reserve makes a reservation. ask returns the decision, and the keys that hold the reservation if it is admitted.
func (l *Limiter) reserve(with []Option, ask func(*options) (QuotaDecision, []KeyPolicy, error)) (*Reservation, error) {
	o := read(with)
	if o.ttl <= 0 {
		o.ttl = l.ttl
	}
	if o.id == "" {
		o.id = newID()
	}
	decided, of, err := ask(o)
	if err != nil {
		return nil, err
	}
	if !decided.Allowed {
		return nil, &DeniedError{decided}
	}
	r := &Reservation{Decision: decided, limiter: l, of: of, ttl: o.ttl}
	if decided.Degraded == nil {
		r.isOpen = true
		r.renew = time.AfterFunc(o.ttl/3, r.renewNow)
	}
	return r, nil
}

// newID makes an id that no other reservation has.
func newID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails: crypto/rand ends the program instead
	return hex.EncodeToString(random[:])
}

// renewNow makes the reservation last for its ttl again. If the server does not answer, it tries again earlier than it would.
func (r *Reservation) renewNow() {
	next := r.ttl / 3
	for _, one := range r.of {
		if _, err := r.limiter.Renew(context.Background(), one.Key, r.Decision.ID, r.ttl); err != nil {
			next = r.ttl / 10
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isOpen {
		r.renew.Reset(next)
	}
}

// end closes the reservation. It returns false if it was closed, or if there is none.
func (r *Reservation) end() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isOpen {
		return false
	}
	r.isOpen = false
	r.renew.Stop()
	return true
}

// Settle reports what was really used, by [CostOf], and ends the reservation. Units that are not named stay as estimated. The
// end of ctx does not keep it from being sent. If the server does not answer, that is the error, and it is sent again later, while
// the reservation lasts. Settling again does nothing.
func (r *Reservation) Settle(ctx context.Context, used ...Option) error {
	return r.finish(ctx, func(ctx context.Context, key string) error {
		_, err := r.limiter.Settle(ctx, key, r.Decision.ID, used...)
		return err
	})
}

// Cancel gives everything back, including the request itself, and ends the reservation.
func (r *Reservation) Cancel(ctx context.Context) error {
	return r.finish(ctx, func(ctx context.Context, key string) error {
		_, err := r.limiter.Cancel(ctx, key, r.Decision.ID)
		return err
	})
}

// Close ends the reservation if it is still open: the estimate stays charged, and an in-flight slot is free again.
func (r *Reservation) Close() error { return r.Settle(context.Background()) }

func (r *Reservation) finish(ctx context.Context, of func(context.Context, string) error) error {
	if !r.end() {
		return nil
	}
	var keys []string
	for _, one := range r.of {
		keys = append(keys, one.Key)
	}
	undone, err := each(context.WithoutCancel(ctx), keys, of)
	r.later(undone, of, firstRepeat, time.Now().Add(r.ttl))
	return err
}

// firstRepeat is when an end that the server did not answer is sent again. The time doubles then.
const firstRepeat = 250 * time.Millisecond

// later sends the end of a reservation again to keys that did not answer, while the reservation lasts. It changes nothing if the
// server knows of it already.
func (r *Reservation) later(keys []string, of func(context.Context, string) error, after time.Duration, end time.Time) {
	if len(keys) == 0 || time.Now().After(end) {
		return
	}
	time.AfterFunc(after, func() {
		undone, _ := each(context.Background(), keys, of)
		r.later(undone, of, 2*after, end)
	})
}

// each does something with each key. It returns the keys for which the server did not answer, and all errors.
func each(ctx context.Context, keys []string, of func(context.Context, string) error) (undone []string, err error) {
	var failed []error
	for _, key := range keys {
		err := of(ctx, key)
		if errors.Is(err, ErrUnavailable) {
			undone = append(undone, key)
		}
		failed = append(failed, err)
	}
	return undone, errors.Join(failed...)
}

// Hold admits nobody at the keys of the reservation before d from now, as for a provider's Retry-After.
func (r *Reservation) Hold(ctx context.Context, d time.Duration) error {
	var failed []error
	for _, one := range r.of {
		_, err := r.limiter.Hold(ctx, one.Key, d)
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Sync tells the keys what the headers of a provider's answer say that is left. Limits that the quota lacks are ignored. It does
// not hold for a Retry-After: see [profile.Profile.Read].
func (r *Reservation) Sync(ctx context.Context, by *profile.Profile, headers http.Header) error {
	return r.sync(by, headers, func(key string, left []Left) (map[string]int64, error) { return r.limiter.Sync(ctx, key, left...) })
}

// SyncAged is [Reservation.Sync] for an answer whose request was sent so long ago, as [Limiter.SyncAged].
func (r *Reservation) SyncAged(ctx context.Context, age time.Duration, by *profile.Profile, headers http.Header) error {
	return r.sync(by, headers, func(key string, left []Left) (map[string]int64, error) {
		return r.limiter.SyncAged(ctx, key, age, left...)
	})
}

func (r *Reservation) sync(by *profile.Profile, headers http.Header, tell func(string, []Left) (map[string]int64, error)) error {
	told := by.Read(headers, time.Now())
	var failed []error
	for _, one := range r.of {
		if left := r.left(string(one.Policy), told.Limits); len(left) > 0 {
			_, err := tell(one.Key, left)
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// left names what is left as the limits of one key are named. Each limit is told once, by the first header that names it.
func (r *Reservation) left(policy string, told []profile.Left) []Left {
	known := map[string]bool{}
	for _, name := range r.Decision.Names {
		if own, ok := strings.CutPrefix(name, policy+"/"); ok || policy == "" {
			if policy == "" {
				own = name
			}
			known[own] = true
		}
	}
	var left []Left
	for _, one := range told {
		for _, name := range one.Names {
			if known[name] {
				known[name] = false
				left = append(left, Left{Limit: name, Remaining: one.Remaining, Of: one.Of, Reset: one.Reset})
				break
			}
		}
	}
	return left
}
