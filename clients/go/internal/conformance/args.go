package conformance

import (
	"bytes"
	"encoding/json"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

// Args are the arguments of a call.
type Args struct {
	Key       string
	Keys      []redisrl.KeyPolicy
	Limit     int64
	Capacity  int64
	Refill    json.Number
	Period    int64 `json:"period_ms"`
	WindowMs  int64 `json:"window_ms"`
	Window    string
	Offset    int64 `json:"offset_ms"`
	Cost      json.RawMessage
	Wait      int64 `json:"wait_ms"`
	Priority  string
	Flow      string
	Weight    int
	Policy    redisrl.Policy
	Limits    json.RawMessage
	Reserve   int64 `json:"reserve_ms"`
	ID        string
	TTL       int64 `json:"ttl_ms"`
	Short     bool
	Duration  int64 `json:"duration_ms"`
	Remaining int64
	Of        int64
	Reset     *int64 `json:"reset_ms"`
	Age       *int64 `json:"age_ms"`
	Name      string
	By        string
	Count     int
}

var lanes = map[string]redisrl.Lane{
	"critical": redisrl.Critical, "high": redisrl.High, "normal": redisrl.Normal, "low": redisrl.Low,
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func window(word string, n int64) time.Duration {
	switch word {
	case "1w":
		return redisrl.Week
	case "1mo":
		return redisrl.Month
	}
	return ms(n)
}

func (a *Args) window() time.Duration { return window(a.Window, a.WindowMs) }

// options are those that the arguments name.
func (a *Args) options() []redisrl.Option {
	var with []redisrl.Option
	add := func(isGiven bool, option redisrl.Option) {
		if isGiven {
			with = append(with, option)
		}
	}
	var n int64
	if json.Unmarshal(a.Cost, &n) == nil {
		add(true, redisrl.Cost(n))
	}
	for _, pair := range ordered(a.Cost) {
		var n int64
		_ = json.Unmarshal(pair.value, &n)
		add(true, redisrl.CostOf(pair.name, n))
	}
	lane, laned := lanes[a.Priority]
	add(a.Offset != 0, redisrl.Offset(ms(a.Offset)))
	add(a.Reserve != 0, redisrl.TTL(ms(a.Reserve)))
	add(a.ID != "", redisrl.ID(a.ID))
	add(true, redisrl.Wait(ms(a.Wait)))
	add(laned, redisrl.Priority(lane))
	add(a.Flow != "", redisrl.Flow(a.Flow, a.Weight))
	add(a.Short, redisrl.Short())
	return with
}

// isByUnit says whether costs are given by unit.
func (a *Args) isByUnit() bool { return bytes.HasPrefix(a.Cost, []byte("{")) }

func (a *Args) rules() redisrl.Rules {
	if a.Policy != "" {
		return a.Policy
	}
	return a.limits()
}

func (a *Args) limits() redisrl.Limits {
	var given []struct {
		Name, Window, Unit, Algorithm string
		Limit, Capacity               int64
		InFlight                      *int64
		WindowMs                      int64 `json:"window_ms"`
		Offset                        int64 `json:"offset_ms"`
		Shadow                        bool
	}
	_ = json.Unmarshal(a.Limits, &given)
	var limits redisrl.Limits
	for _, one := range given {
		limit := redisrl.Limit{
			Name: one.Name, Limit: one.Limit, Window: window(one.Window, one.WindowMs), Unit: one.Unit,
			Algorithm: redisrl.Algorithm(one.Algorithm), Offset: ms(one.Offset), Capacity: one.Capacity, Shadow: one.Shadow,
		}
		if one.InFlight != nil {
			limit.Limit, limit.Algorithm = *one.InFlight, redisrl.InFlight
		}
		limits = append(limits, limit)
	}
	return limits
}

// left is what a sync tells: of one limit, or of limits by name.
func (a *Args) left() []redisrl.Left {
	if len(a.Limits) == 0 {
		return []redisrl.Left{{Remaining: a.Remaining, Of: a.Of, Reset: reset(a.Reset)}}
	}
	var left []redisrl.Left
	for _, pair := range ordered(a.Limits) {
		var one Args
		_ = json.Unmarshal(pair.value, &one)
		left = append(left, redisrl.Left{Limit: pair.name, Remaining: one.Remaining, Of: one.Of, Reset: reset(one.Reset)})
	}
	return left
}

func reset(n *int64) time.Duration {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return redisrl.AtOnce
	}
	return ms(*n)
}

type pair struct {
	name  string
	value json.RawMessage
}

// ordered reads the fields of an object in their order; none if it is no object.
func ordered(data json.RawMessage) []pair {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return nil
	}
	var pairs []pair
	for decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil
		}
		pairs = append(pairs, pair{name.(string), value})
	}
	return pairs
}
