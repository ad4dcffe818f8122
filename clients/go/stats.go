package redisrl

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats counts what a Limiter answered.
type Stats struct {
	Admitted, Denied uint64 // decided by the server
	// DegradedOpen and DegradedClosed could not be decided, and were admitted or denied by the fail mode.
	DegradedOpen, DegradedClosed uint64
	// Errors are requests for admission that the server refused, or whose context ended.
	Errors uint64
	// Waiting is how many requests wait now, in the server's lines or in this program.
	Waiting int
	// Causes counts why requests could not be decided.
	Causes map[Cause]uint64
}

type counters struct {
	admitted, denied, open, closed, errors atomic.Uint64

	mu     sync.Mutex
	causes map[Cause]uint64
}

func (c *counters) decided(allowed bool) {
	if allowed {
		c.admitted.Add(1)
	} else {
		c.denied.Add(1)
	}
}

func (c *counters) degraded(cause Cause, allowed bool) {
	if allowed {
		c.open.Add(1)
	} else {
		c.closed.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.causes == nil {
		c.causes = map[Cause]uint64{}
	}
	c.causes[cause]++
}

// Stats returns what the Limiter has answered since it was made.
func (l *Limiter) Stats() Stats {
	c := &l.stats
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Admitted: c.admitted.Load(), Denied: c.denied.Load(),
		DegradedOpen: c.open.Load(), DegradedClosed: c.closed.Load(),
		Errors: c.errors.Load(), Waiting: l.waits.waiting(), Causes: maps.Clone(c.causes),
	}
}
