// Package middleware limits the requests of a net/http server.
//
//	limit := middleware.Slide(limiter, 100, time.Minute)
//	http.Handle("/", limit(handler))
//
// A request over the limit gets 429 with Retry-After. All answers have the header fields RateLimit and RateLimit-Policy of
// draft-ietf-httpapi-ratelimit-headers. A request that cannot be decided is admitted if the limiter fails open, and gets 503
// otherwise.
package middleware

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

// Middleware puts a limit in front of a handler.
type Middleware func(http.Handler) http.Handler

// Setting changes a middleware when it is made.
type Setting func(*limit)

// By names the key of a request. The default is "http:" and the client's address. Use another one behind a proxy, where all
// requests come from the same address.
func By(key func(*http.Request) string) Setting { return func(l *limit) { l.key = key } }

// With adds options to each request, such as [redisrl.Wait].
func With(options func(*http.Request) []redisrl.Option) Setting {
	return func(l *limit) { l.options = options }
}

// OnError is told of errors that are no denials, for example that there is no such policy. The request gets 500. The default
// writes them to the standard logger.
func OnError(tell func(*http.Request, error)) Setting { return func(l *limit) { l.tell = tell } }

// Slide limits the requests of each key by an exact sliding window.
func Slide(limiter *redisrl.Limiter, n int64, window time.Duration, settings ...Setting) Middleware {
	policy := redisrl.Limits{{Name: "default", Limit: n, Window: window}}
	return single(policy, settings, func(ctx context.Context, key string, with []redisrl.Option) (redisrl.Decision, error) {
		return limiter.Slide(ctx, key, n, window, with...)
	})
}

// Window limits the requests of each key by a fixed window.
func Window(limiter *redisrl.Limiter, n int64, window time.Duration, settings ...Setting) Middleware {
	policy := redisrl.Limits{{Name: "default", Limit: n, Window: window}}
	return single(policy, settings, func(ctx context.Context, key string, with []redisrl.Option) (redisrl.Decision, error) {
		return limiter.Window(ctx, key, n, window, with...)
	})
}

// Bucket limits the requests of each key by a token bucket.
func Bucket(limiter *redisrl.Limiter, capacity int64, refill float64, period time.Duration, settings ...Setting) Middleware {
	policy := redisrl.Limits{{Name: "default", Limit: int64(refill), Window: period}}
	if refill < 1 {
		policy = nil // an integer cannot say it
	}
	return single(policy, settings, func(ctx context.Context, key string, with []redisrl.Option) (redisrl.Decision, error) {
		return limiter.Bucket(ctx, key, capacity, refill, period, with...)
	})
}

// Quota limits the requests of each key by limits, or by a policy.
func Quota(limiter *redisrl.Limiter, by redisrl.Rules, settings ...Setting) Middleware {
	policy, _ := by.(redisrl.Limits)
	isShadow := map[string]bool{} // they deny nobody, so clients need not keep them
	for _, limit := range policy {
		isShadow[limit.Name] = limit.Shadow
	}
	return newLimit(policy, settings, func(ctx context.Context, key string, with []redisrl.Option) (redisrl.QuotaDecision, error) {
		decided, err := limiter.Quota(ctx, key, by, with...)
		decided.Names = slices.DeleteFunc(decided.Names, func(name string) bool { return isShadow[name] })
		return decided, err
	})
}

type ask func(ctx context.Context, key string, with []redisrl.Option) (redisrl.QuotaDecision, error)

func single(policy redisrl.Limits, settings []Setting, of func(context.Context, string, []redisrl.Option) (redisrl.Decision, error)) Middleware {
	return newLimit(policy, settings, func(ctx context.Context, key string, with []redisrl.Option) (redisrl.QuotaDecision, error) {
		one, err := of(ctx, key, with)
		found := redisrl.QuotaDecision{Allowed: one.Allowed, RetryAfter: one.RetryAfter, Degraded: one.Degraded}
		if one.Degraded == nil {
			found.Names, found.Limits = []string{"default"}, map[string]redisrl.Decision{"default": one}
		}
		return found, err
	})
}

type limit struct {
	ask     ask
	key     func(*http.Request) string
	options func(*http.Request) []redisrl.Option
	tell    func(*http.Request, error)
	policy  string // the header field RateLimit-Policy
}

func newLimit(policy redisrl.Limits, settings []Setting, of ask) Middleware {
	l := &limit{ask: of, key: address, options: func(*http.Request) []redisrl.Option { return nil }, policy: policyField(policy)}
	l.tell = func(_ *http.Request, err error) { log.Printf("rate limit: %v", err) }
	for _, set := range settings {
		set(l)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.serve(w, r, next) })
	}
}

// address is the key of a client's address.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return "http:" + host
}

func (l *limit) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	decided, err := l.ask(r.Context(), l.key(r), l.options(r))
	switch {
	case r.Context().Err() != nil:
		return // the client has gone
	case errors.Is(err, redisrl.ErrBusy):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests wait", http.StatusServiceUnavailable)
		return
	case err != nil:
		l.tell(r, err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	if field := limitField(&decided); field != "" {
		w.Header().Set("RateLimit", field)
	}
	if l.policy != "" {
		w.Header().Set("RateLimit-Policy", l.policy)
	}
	if decided.Allowed {
		next.ServeHTTP(w, r)
		return
	}
	if decided.RetryAfter != redisrl.Never {
		w.Header().Set("Retry-After", strconv.FormatInt(wholeSeconds(decided.RetryAfter), 10))
	}
	status := http.StatusTooManyRequests
	if decided.Degraded != nil {
		status = http.StatusServiceUnavailable
	}
	http.Error(w, http.StatusText(status), status)
}
