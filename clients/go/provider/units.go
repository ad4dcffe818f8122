package provider

import (
	"context"
	"sync"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

// unitsKept is how long it is remembered which units a policy counts.
const unitsKept = 30 * time.Second

// unitNames are what a policy may call the unit of a limit, the usual name first.
var unitNames = map[string][]string{
	"input-tokens":  {"input", "input-tokens", "input_tokens"},
	"output-tokens": {"output", "output-tokens", "output_tokens"},
	"tokens":        {"tokens"},
}

// unitCache knows which units policies count. A cost of a unit that a policy does not count would be logged by the server.
type unitCache struct {
	mu  sync.Mutex
	all map[string]*knownUnits
}

type knownUnits struct {
	of      map[string]string
	until   time.Time
	isKnown chan struct{} // closed as soon as there is something to go by
}

// of returns the unit of each limit that the policy counts. If the server does not say it, these are the usual names.
func (c *unitCache) of(ctx context.Context, limiter *redisrl.Limiter, policy string) map[string]string {
	c.mu.Lock()
	known := c.all[policy]
	switch {
	case known == nil:
		known = &knownUnits{isKnown: make(chan struct{})}
		if c.all == nil {
			c.all = map[string]*knownUnits{}
		}
		c.all[policy] = known
	case time.Now().Before(known.until) || known.of == nil:
		c.mu.Unlock()
		<-known.isKnown // for the first call of a policy, the others wait
		c.mu.Lock()
		defer c.mu.Unlock()
		return known.of
	}
	known.until = time.Now().Add(unitsKept) // others ask no second time
	c.mu.Unlock()

	limits, found, err := limiter.Policies().Get(context.WithoutCancel(ctx), policy)
	c.mu.Lock()
	defer c.mu.Unlock()
	isFirst := known.of == nil
	switch {
	case err == nil && found:
		known.of = unitsOf(limits)
	case isFirst:
		known.of = usualUnits()
	}
	if isFirst {
		close(known.isKnown)
	}
	return known.of
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
