package redisrl

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Info is what a key holds.
type Info struct {
	// Algorithm is slide, window, bucket or quota; none for a key that is only held.
	Algorithm string
	// Policy is the name of a quota's policy; "" if it has none.
	Policy string
	// Limits has each limit of a quota by name; the one limit of another key is under "".
	Limits map[string]LimitInfo
	// Waiting is the number of requests that wait, by lane.
	Waiting [lanes]int64
	// HeadWait is how long the first waiter still has to wait if no other request comes. nil: nobody waits, or it waits for
	// another key, too.
	HeadWait *time.Duration
	// Reservations is the number of open reservations, and Bytes the memory of the value.
	Reservations, Bytes int64
}

// LimitInfo is what a key holds of one limit.
type LimitInfo struct {
	Limit
	// Refill is what a bucket gains in a window, in full: it may have decimals, such as 8.33. "" for other limits.
	Refill          string
	Used, Remaining int64
	// Held is how long the limit is still held.
	Held time.Duration
	// UsedElsewhere is what [Limiter.Sync] found, and Elsewhere how long it still counts.
	UsedElsewhere int64
	Elsewhere     time.Duration
}

// Info returns what a key holds. found is false if there is no such key. rl-coordinator lacks it.
func (l *Limiter) Info(ctx context.Context, key string) (info Info, found bool, err error) {
	reply, err := l.send(ctx, l.newCommand("", "RL.INFO", key).Command)
	if err != nil || reply == nil {
		return Info{}, false, err
	}
	fields, _, ok := dict(reply)
	if !ok {
		return Info{}, false, strange("a map")
	}
	info = Info{Limits: map[string]LimitInfo{}}
	info.Algorithm, _ = text(fields["algorithm"])
	info.Policy, _ = text(fields["policy"])
	info.Reservations, _ = integer(fields["reservations"])
	info.Bytes, _ = integer(fields["bytes"])
	if ms, ok := integer(fields["head_wait_ms"]); ok {
		wait := milliseconds(ms)
		info.HeadWait = &wait
	}
	waiting, _, _ := dict(fields["waiting"])
	for lane, names := range laneNames {
		info.Waiting[lane], _ = integer(waiting[names.field])
	}
	parameters, _, _ := dict(fields["parameters"])
	if info.Algorithm != "quota" {
		parameters["algorithm"] = info.Algorithm
		parameters = map[string]any{"": parameters}
	}
	for name, of := range parameters {
		own, _, _ := dict(of)
		info.Limits[name] = limitInfo(name, own, fields)
	}
	return info, true, nil
}

func limitInfo(name string, parameters, fields map[string]any) LimitInfo {
	number := func(field string) int64 {
		value := fields[field]
		if byLimit, _, ok := dict(value); ok {
			value = byLimit[name]
		}
		n, _ := integer(value)
		return n
	}
	limit, _ := limitOfReply(name, parameters)
	refill := ""
	if value := parameters["refill"]; value != nil {
		refill = fmt.Sprint(value)
	}
	return LimitInfo{
		Limit: limit, Refill: refill, Used: number("used"), Remaining: number("remaining"), Held: milliseconds(number("held_ms")),
		UsedElsewhere: number("used_elsewhere"), Elsewhere: milliseconds(number("elsewhere_ms")),
	}
}

// TopOf says which keys [Limiter.Top] lists.
type TopOf string

// Lists of keys.
const (
	Denied   TopOf = "DENIED"
	Admitted TopOf = "ADMITTED"
	Held     TopOf = "HELD"
)

// TopKey is a key with many requests.
type TopKey struct {
	// Key is the first 256 bytes of the key.
	Key string
	// Count is the number of requests. The true number may be lower, by at most Error.
	Count, Error int64
}

// Top returns the n keys with most requests that were denied or admitted, or that were held most often. "" and 0 stand for the
// server's defaults: ten of the denied. It is for operators. rl-coordinator lacks it.
func (l *Limiter) Top(ctx context.Context, of TopOf, n int) ([]TopKey, error) {
	b := l.newCommand("", "RL.TOP")
	if of != "" {
		b.words(string(of))
	}
	if n > 0 {
		b.words("COUNT", strconv.Itoa(n))
	}
	reply, err := l.send(ctx, b.Command)
	if err != nil {
		return nil, err
	}
	rows, ok := reply.([]any)
	top := make([]TopKey, 0, len(rows))
	for _, row := range rows {
		cells, _ := row.([]any)
		if len(cells) != 3 {
			return nil, strange("a list of keys")
		}
		key, named := text(cells[0])
		numbers, counted := integers(cells[1:])
		if !named || !counted {
			return nil, strange("a list of keys")
		}
		top = append(top, TopKey{key, numbers[0], numbers[1]})
	}
	if !ok {
		return nil, strange("a list of keys")
	}
	return top, nil
}

// ResetTop forgets all counts of [Limiter.Top].
func (l *Limiter) ResetTop(ctx context.Context) error {
	_, err := l.send(ctx, l.newCommand("", "RL.TOP").words("RESET").Command)
	return err
}
