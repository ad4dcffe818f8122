package provider

import (
	"context"
	"sync"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

// policiesKept is how long it is remembered which limits a policy has.
const policiesKept = 30 * time.Second

// unitNames are what a policy may call the unit of a limit, the usual name first.
var unitNames = map[string][]string{
	"input-tokens":  {"input", "input-tokens", "input_tokens"},
	"output-tokens": {"output", "output-tokens", "output_tokens"},
	"tokens":        {"tokens"},
}

// policyCache knows which units policies count, and their limits. A cost of a unit that a policy does not count would be logged by
// the server.
type policyCache struct {
	mu  sync.Mutex
	all map[string]*knownPolicy
}

// policy is what is known of a policy.
type policy struct {
	units  map[string]string        // the unit of the policy, by the name of a limit
	limits map[string]redisrl.Limit // by name; empty if the server does not say them
}

type knownPolicy struct {
	policy  *policy
	until   time.Time
	isKnown chan struct{} // closed as soon as there is something to go by
}

// of returns what is known of a policy. If the server does not say it, its units have the usual names.
func (c *policyCache) of(ctx context.Context, limiter *redisrl.Limiter, name string) *policy {
	c.mu.Lock()
	known := c.all[name]
	switch {
	case known == nil:
		known = &knownPolicy{isKnown: make(chan struct{})}
		if c.all == nil {
			c.all = map[string]*knownPolicy{}
		}
		c.all[name] = known
	case time.Now().Before(known.until) || known.policy == nil:
		c.mu.Unlock()
		<-known.isKnown // for the first call of a policy, the others wait
		c.mu.Lock()
		defer c.mu.Unlock()
		return known.policy
	}
	known.until = time.Now().Add(policiesKept) // others ask no second time
	c.mu.Unlock()

	limits, found, err := limiter.Policies().Get(context.WithoutCancel(ctx), name)
	c.mu.Lock()
	defer c.mu.Unlock()
	isFirst := known.policy == nil
	switch {
	case err == nil && found:
		known.policy = policyOf(limits)
	case isFirst:
		known.policy = &policy{units: usualUnits()}
	}
	if isFirst {
		close(known.isKnown)
	}
	return known.policy
}

func policyOf(limits redisrl.Limits) *policy {
	found := &policy{unitsOf(limits), map[string]redisrl.Limit{}}
	for _, limit := range limits {
		found.limits[limit.Name] = limit
	}
	return found
}

func usualUnits() map[string]string {
	units := map[string]string{}
	for limit, names := range unitNames {
		units[limit] = names[0]
	}
	return units
}

func unitsOf(limits redisrl.Limits) map[string]string {
	counted, units := map[string]bool{}, map[string]string{}
	for _, limit := range limits {
		counted[limit.Unit] = true
	}
	for limit, names := range unitNames {
		for _, name := range names {
			if counted[name] {
				units[limit] = name
				break
			}
		}
	}
	return units
}
