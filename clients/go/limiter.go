package redisrl

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// FailMode says how a request for admission is answered that cannot be decided.
type FailMode int

const (
	// FailClosed denies the request. It is the default.
	FailClosed FailMode = iota
	// FailOpen admits the request, which is counted in no limit.
	FailOpen
)

// DefaultTimeout bounds each call, beside the time that the server may let it wait.
const DefaultTimeout = 500 * time.Millisecond

// Limiter asks limits. Its methods may be called by several goroutines at once.
type Limiter struct {
	conn    Conn
	web     bool
	fail    FailMode
	timeout time.Duration
	ttl     time.Duration
	waits   *waitQueue
	stats   counters
}

// Setting changes a Limiter when it is made.
type Setting func(*Limiter)

// Fail chooses how requests for admission are answered that cannot be decided. The default is [FailClosed].
func Fail(mode FailMode) Setting { return func(l *Limiter) { l.fail = mode } }

// Timeout bounds each call, beside the time that the server may let it wait. The default is [DefaultTimeout].
func Timeout(d time.Duration) Setting { return func(l *Limiter) { l.timeout = d } }

// ReservationTTL is how long a reservation lasts that is not renewed, for example since its program ended. Open reservations
// are renewed each third of it. The default is one minute.
func ReservationTTL(d time.Duration) Setting { return func(l *Limiter) { l.ttl = d } }

// MaxWaiting bounds how many requests wait in the server's lines at a time: each takes a connection of its own. Requests
// beyond it wait in this program, by lane and then in order. The default is 100.
func MaxWaiting(n int) Setting { return func(l *Limiter) { l.waits = newWaitQueue(n) } }

// New returns a Limiter that asks by conn.
func New(conn Conn, settings ...Setting) *Limiter {
	l := &Limiter{conn: conn, timeout: DefaultTimeout, ttl: time.Minute, waits: newWaitQueue(100)}
	_, l.web = conn.(*httpConn)
	for _, set := range settings {
		set(l)
	}
	return l
}

// send sends a command and waits for its reply no longer than allowed. Errors are *Error, or that of ctx.
func (l *Limiter) send(ctx context.Context, command *Command) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, l.timeout+command.Wait)
	defer cancel()
	reply, err := l.conn.Do(bounded, command)
	if err == nil {
		return reply, nil
	}
	var known *Error
	if errors.As(err, &known) {
		return nil, known
	}
	if caller := ctx.Err(); caller != nil {
		return nil, caller
	}
	if isTimeout(err) && isSooner(ctx, bounded) {
		return nil, context.DeadlineExceeded
	}
	return nil, &Error{Kind: ErrUnavailable, Cause: Down, Err: err}
}

func isTimeout(err error) bool {
	var of net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &of) && of.Timeout()
}

// isSooner says whether it is the caller's own deadline that bounds the call.
func isSooner(caller, bounded context.Context) bool {
	own, ok := caller.Deadline()
	end, _ := bounded.Deadline()
	return ok && !end.Before(own)
}

// retryDegraded is the RetryAfter of a request that the fail mode has answered.
func retryDegraded(allowed bool, degraded error) time.Duration {
	if degraded == nil || allowed {
		return 0
	}
	return time.Second
}

// undecided answers a request for admission that cannot be decided: whether it is admitted, why it was not decided, and the
// error for the caller if it is not for the fail mode to answer.
func (l *Limiter) undecided(err error) (allowed bool, degraded, failed error) {
	var known *Error
	if !errors.As(err, &known) || known.Kind != ErrUnavailable {
		l.stats.errors.Add(1)
		return false, nil, err
	}
	allowed = l.fail == FailOpen
	l.stats.degraded(known.Cause, allowed)
	return allowed, known, nil
}
