package provider

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/profile"
)

// bodyMax bounds the bytes of a refusal that are read.
const bodyMax = 1 << 20

// overloadHold is how long a key is held after a refusal that does not say for how long.
const overloadHold = time.Second

// call is a request with all that its attempts have in common.
type call struct {
	request *http.Request
	body    []byte
	asked   asked
	profile *profile.Profile
	key     string
	policy  redisrl.Policy
	known   *policy
	margin  float64 // below 0: the default
	outputs *outputs

	input, output int64 // as reserved
}

func (t *Transport) newCall(request *http.Request) (*call, error) {
	body, err := io.ReadAll(request.Body)
	_ = request.Body.Close()
	if err != nil {
		return nil, err
	}
	c := &call{request: request, body: body, asked: read(request, body), profile: t.profile, margin: t.margin, outputs: &t.outputs}
	if c.profile == nil {
		c.profile = profileOf(request)
	}
	c.policy = t.policyOf(c.asked.model)
	if c.key = t.key; c.key == "" {
		c.key = string(c.policy)
	}
	c.known = t.policies.of(request.Context(), t.limiter, string(c.policy))
	c.input = t.input(body)
	return c, nil
}

// again returns the request for another attempt.
func (c *call) again() *http.Request {
	request := c.request.Clone(c.request.Context())
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.body)), nil }
	request.Body, _ = request.GetBody()
	request.ContentLength = int64(len(c.body))
	return request
}

// estimate returns the costs to reserve, as the provider will count them.
func (c *call) estimate() []redisrl.Option {
	most := c.asked.mostOutput
	c.output = c.outputs.estimate(c.key, most)
	if c.profile.Charging() != profile.Produced && most > 0 {
		c.output = most
	}
	tokens := c.input + c.output
	if c.profile.Charging() == profile.ReservedOrInput {
		tokens = max(c.input, c.output)
	}
	return c.costs(profile.Used{"input-tokens": c.input, "output-tokens": c.output, "tokens": tokens})
}

// costs names what is used by the units of the policy.
func (c *call) costs(used profile.Used) []redisrl.Option {
	costs := map[string]int64{}
	for limit, n := range used {
		if unit := c.known.units[limit]; unit != "" {
			costs[unit] = n
		}
	}
	return []redisrl.Option{redisrl.CostsOf(costs)}
}

// isRefusal says whether the provider refused the request. 403 is a refusal only if the headers say when to ask again.
func (c *call) isRefusal(status int, told profile.Told) bool {
	if !c.profile.IsRefusal(status) {
		return status == http.StatusTooManyRequests
	}
	if status != http.StatusForbidden {
		return true
	}
	isEmpty := false
	for _, left := range told.Limits {
		isEmpty = isEmpty || left.Remaining == 0
	}
	return told.Hold > 0 || isEmpty
}

// refused holds the key, and charges the attempt as the provider counts it. It returns how long the key is held. The body of
// the response can still be read.
func (c *call) refused(ctx context.Context, response *http.Response, reservation *redisrl.Reservation, synced <-chan struct{}, told profile.Told) time.Duration {
	body, _ := io.ReadAll(io.LimitReader(response.Body, bodyMax))
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	hold := told.Hold
	if hold == 0 {
		hold = c.profile.ReadRefusal(body, time.Now())
	}
	if hold == 0 {
		hold = overloadHold
	}
	<-synced
	ctx = context.WithoutCancel(ctx)
	_ = reservation.Hold(ctx, hold) // before the room is given back, so that nobody takes it to the provider now
	if counts := c.profile.Refused.Counts; counts != nil && !*counts {
		_ = reservation.Cancel(ctx)
	} else {
		_ = reservation.Settle(ctx, c.costs(profile.Used{"input-tokens": 0, "output-tokens": 0, "tokens": 0})...)
	}
	return hold
}
