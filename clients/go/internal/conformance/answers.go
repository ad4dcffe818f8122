package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

func unmarshal(data json.RawMessage, into any) error { return json.Unmarshal(data, into) }

// limitAnswer writes a limit of a policy.
func limitAnswer(limit redisrl.Limit) map[string]any {
	if limit.Algorithm == redisrl.InFlight {
		return map[string]any{"name": limit.Name, "inflight": limit.Limit}
	}
	fields := map[string]any{"name": limit.Name, "limit": limit.Limit, "unit": limit.Unit, "algorithm": limit.Algorithm}
	switch limit.Window {
	case redisrl.Month:
		fields["window"] = "1mo"
	case redisrl.Week:
		fields["window"] = "1w"
	default:
		fields["window_ms"] = limit.Window.Milliseconds()
	}
	if limit.Offset != 0 {
		fields["offset_ms"] = limit.Offset.Milliseconds()
	}
	if limit.Algorithm == redisrl.TokenBucket {
		fields["capacity"] = limit.Capacity
	}
	if limit.Shadow {
		fields["shadow"] = true
	}
	return fields
}

// infoAnswer writes the fields of RL.INFO.
func infoAnswer(info redisrl.Info) map[string]any {
	fields := map[string]any{
		"algorithm": info.Algorithm, "policy": nil, "reservations": info.Reservations, "bytes": info.Bytes, "head_wait_ms": nil,
		"waiting": map[string]any{
			"critical": info.Waiting[redisrl.Critical], "high": info.Waiting[redisrl.High],
			"normal": info.Waiting[redisrl.Normal], "low": info.Waiting[redisrl.Low],
		},
	}
	if info.Policy != "" {
		fields["policy"] = info.Policy
	}
	if info.HeadWait != nil {
		fields["head_wait_ms"] = info.HeadWait.Milliseconds()
	}
	byField := func(of func(redisrl.LimitInfo) any) any {
		if info.Algorithm != "quota" {
			return of(info.Limits[""])
		}
		byLimit := map[string]any{}
		for name, limit := range info.Limits {
			byLimit[name] = of(limit)
		}
		return byLimit
	}
	fields["used"] = byField(func(limit redisrl.LimitInfo) any { return limit.Used })
	fields["remaining"] = byField(func(limit redisrl.LimitInfo) any { return limit.Remaining })
	fields["held_ms"] = byField(func(limit redisrl.LimitInfo) any { return limit.Held.Milliseconds() })
	fields["used_elsewhere"] = byField(func(limit redisrl.LimitInfo) any { return limit.UsedElsewhere })
	fields["elsewhere_ms"] = byField(func(limit redisrl.LimitInfo) any { return limit.Elsewhere.Milliseconds() })
	fields["parameters"] = byField(func(limit redisrl.LimitInfo) any { return parameters(info.Algorithm, limit) })
	return fields
}

// parameters writes those of a limit as RL.INFO does.
func parameters(kind string, limit redisrl.LimitInfo) map[string]any {
	fields := map[string]any{}
	if kind == "quota" {
		fields["algorithm"] = limit.Algorithm
		if limit.Algorithm != redisrl.InFlight {
			fields["unit"] = limit.Unit
		}
		if limit.Shadow {
			fields["shadow"] = 1
		}
	}
	if kind == "none" {
		return fields
	}
	if limit.Algorithm == redisrl.TokenBucket {
		fields["capacity"], fields["refill"], fields["period_ms"] = limit.Capacity, limit.Refill, limit.Window.Milliseconds()
		return fields
	}
	fields["limit"] = limit.Limit.Limit
	if limit.Algorithm == redisrl.InFlight {
		return fields
	}
	fields["window_ms"] = limit.Window.Milliseconds()
	if limit.Window == redisrl.Month {
		fields["window_ms"] = "1mo"
	}
	if limit.Algorithm == redisrl.FixedWindow {
		fields["offset_ms"] = limit.Offset.Milliseconds()
	}
	return fields
}

var classes = map[string]error{
	"Busy": redisrl.ErrBusy, "WrongType": redisrl.ErrWrongType, "NoPolicy": redisrl.ErrNoPolicy, "Invalid": redisrl.ErrInvalid,
	"Unavailable": redisrl.ErrUnavailable, "Unsupported": redisrl.ErrUnsupported,
}

// CompareError returns what is wrong with an error; "" if nothing is.
func CompareError(got error, expected *Error) string {
	var known *redisrl.Error
	switch {
	case !errors.As(got, &known):
		return fmt.Sprintf("got %v, expected %v", got, *expected)
	case !errors.Is(got, classes[expected.Class]), expected.Cause != "" && string(known.Cause) != expected.Cause:
		return fmt.Sprintf("got %v with cause %q, expected %v", got, known.Cause, *expected)
	}
	return ""
}

// Compare returns what is wrong with an answer; "" if nothing is. All fields must be as expected, unless only those that the
// case names count.
func Compare(got, expected any, onlyNamed bool) string {
	data, err := json.Marshal(got)
	if err != nil {
		return err.Error()
	}
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		return err.Error()
	}
	if isEqual(plain, expected, onlyNamed) {
		return ""
	}
	wanted, _ := json.Marshal(expected)
	return fmt.Sprintf("got %s, expected %s", data, wanted)
}

func isEqual(got, expected any, onlyNamed bool) bool {
	switch expected := expected.(type) {
	case map[string]any:
		if bounds, ok := expected["between"].([]any); ok {
			n, isNumber := got.(float64)
			return isNumber && n >= bounds[0].(float64) && n <= bounds[1].(float64)
		}
		fields, ok := got.(map[string]any)
		if !ok || !onlyNamed && len(fields) != len(expected) {
			return false
		}
		for name, value := range expected {
			if strings.HasSuffix(name, "_ms") {
				value = longest(value)
			}
			if own, has := fields[name]; !has || !isEqual(own, value, onlyNamed) {
				return false
			}
		}
		return true
	case []any:
		items, ok := got.([]any)
		if !ok || len(items) != len(expected) {
			return false
		}
		for i := range expected {
			if !isEqual(items[i], expected[i], onlyNamed) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, expected)
}

// longest shortens a number of ms that no time.Duration holds, as the package does.
func longest(value any) any {
	const most = float64(math.MaxInt64 / int64(time.Millisecond))
	if n, ok := value.(float64); ok {
		return min(n, most)
	}
	return value
}
