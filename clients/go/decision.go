package redisrl

import "time"

// Decision is what one limit answers.
type Decision struct {
	// Allowed says whether the request is admitted, and counted.
	Allowed bool
	// Limit is the limit or the capacity in force.
	Limit int64
	// Remaining is the cost that could still be admitted now, after this decision.
	Remaining int64
	// RetryAfter is the time until this same cost would be admitted if no other request came: 0 if it is admitted, and
	// [Never] if it never can be.
	RetryAfter time.Duration
	// ResetAfter is the time until the full limit is available again.
	ResetAfter time.Duration
	// Degraded is why the request could not be decided: then the fail mode has answered it, and the numbers are 0. It is nil
	// if the server decided.
	Degraded error
}

// QuotaDecision is what the limits of a quota answer together.
type QuotaDecision struct {
	// Allowed says whether the request is admitted, and counted by all limits.
	Allowed bool
	// RetryAfter is the time until all blocking limits admit the request: 0 if it is admitted, [Never] if one never can.
	RetryAfter time.Duration
	// Blocking are the names of all limits that block.
	Blocking []string
	// Limits has what each limit answers, by name. For [Limiter.MQuota], names are "policy/name".
	Limits map[string]Decision
	// Names are the names of the limits, in the order of the quota.
	Names []string
	// Index is which key of [Limiter.First] admits, in the order given, and -1 if none does. If the fail mode has admitted the
	// request, it is 0, the preferred key. For other calls it is 0.
	Index int
	// ID is the id of the reservation; "" if the request is denied or reserves nothing.
	ID string
	// Degraded is why the request could not be decided, as in [Decision].
	Degraded error
}
