// Package provider puts a limit in front of a provider of language models, without a change to its callers.
//
//	claude := anthropic.NewClient(
//		option.WithHTTPClient(&http.Client{Transport: provider.New(limiter, "claude-sonnet")}),
//		option.WithMaxRetries(0),
//	)
//
// For each request, a [Transport] reserves what it will probably use, and waits in line for it. It settles what was really used,
// by the answer or by the stream while it passes. It passes on to the limiter what the provider's headers say, and after a
// refusal it holds the key and stands in line again.
package provider

import (
	"context"
	"errors"
	"net/http"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/profile"
)

// Transport limits the requests that it sends. It is a http.RoundTripper.
//
// A request that is denied is not sent: its error is a [redisrl.DeniedError]. Requests without a body, such as for a list of
// models, are sent as they are.
type Transport struct {
	limiter  *redisrl.Limiter
	base     http.RoundTripper
	policyOf func(model string) redisrl.Policy
	key      string
	profile  *profile.Profile
	input    func(body []byte) int64
	wait     time.Duration
	attempts int
	margin   float64 // below 0: the default
	policies policyCache
	outputs  outputs
}

// Setting changes a Transport when it is made.
type Setting func(*Transport)

// Base is what sends the requests. The default is http.DefaultTransport.
func Base(base http.RoundTripper) Setting { return func(t *Transport) { t.base = base } }

// Key is the key of the limit. The default is the name of the policy.
func Key(key string) Setting { return func(t *Transport) { t.key = key } }

// PolicyOf chooses the policy by the request's model.
func PolicyOf(choose func(model string) redisrl.Policy) Setting {
	return func(t *Transport) { t.policyOf = choose }
}

// Profile names the provider's profile, such as anthropic or openai; [profile.Names] has all. The default goes by the host and
// the path of each request.
func Profile(name string) Setting { return func(t *Transport) { t.profile = profile.Named(name) } }

// EstimateInput replaces the estimate of the input tokens of a body, which is a token for four bytes.
func EstimateInput(estimate func(body []byte) int64) Setting {
	return func(t *Transport) { t.input = estimate }
}

// Wait is how long a request may stand in line, over all its attempts. The default is one minute.
func Wait(d time.Duration) Setting { return func(t *Transport) { t.wait = d } }

// Attempts is how often a request is sent at most if the provider refuses it. The default is 5.
func Attempts(n int) Setting { return func(t *Transport) { t.attempts = n } }

// Margin is the share of each limit that is left to the provider, as what its headers say comes late. The default is 0.03, and 0.05 of
// a bucket.
func Margin(share float64) Setting { return func(t *Transport) { t.margin = max(share, 0) } }

// New returns a Transport. Requests are limited by this policy, unless [PolicyOf] chooses another.
func New(limiter *redisrl.Limiter, policy redisrl.Policy, settings ...Setting) *Transport {
	t := &Transport{
		limiter: limiter, base: http.DefaultTransport, wait: time.Minute, attempts: 5, margin: -1,
		policyOf: func(string) redisrl.Policy { return policy },
		input:    func(body []byte) int64 { return int64(len(body)+3) / 4 },
	}
	for _, set := range settings {
		set(t)
	}
	return t
}

type laneOf struct{}

// WithPriority returns a context whose requests stand in this lane. The default is [redisrl.Normal].
func WithPriority(ctx context.Context, lane redisrl.Lane) context.Context {
	return context.WithValue(ctx, laneOf{}, lane)
}

// RoundTrip sends a request when its turn has come.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return t.base.RoundTrip(request)
	}
	call, err := t.newCall(request)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(t.wait)
	var refused *http.Response
	for attempt := 1; ; attempt++ {
		reservation, err := t.reserve(request.Context(), call, time.Until(end))
		if err != nil {
			if refused != nil && errors.Is(err, redisrl.ErrDenied) {
				return refused, nil // the provider's own refusal says more
			}
			return nil, err
		}
		again := call.again()
		sent := time.Now()
		response, err := t.base.RoundTrip(again)
		if err != nil {
			_ = reservation.Close() // it is not known what the provider counted
			return nil, err
		}
		told := call.profile.Read(response.Header, time.Now())
		synced := call.sync(request.Context(), t.limiter, reservation, sent, told)
		if !call.isRefusal(response.StatusCode, told) {
			return call.meter(request.Context(), response, reservation, synced), nil
		}
		hold := call.refused(request.Context(), response, reservation, synced, told)
		refused = response
		if attempt >= t.attempts || time.Until(end) <= hold || request.Context().Err() != nil {
			return refused, nil
		}
	}
}

// reserve stands in line for a call.
func (t *Transport) reserve(ctx context.Context, call *call, wait time.Duration) (*redisrl.Reservation, error) {
	with := append(call.estimate(), redisrl.Wait(wait))
	if lane, ok := ctx.Value(laneOf{}).(redisrl.Lane); ok {
		with = append(with, redisrl.Priority(lane))
	}
	return t.limiter.Reserve(ctx, call.key, call.policy, with...)
}
