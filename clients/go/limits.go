package redisrl

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Algorithm is how a limit of a quota counts.
type Algorithm string

// Algorithms.
const (
	SlidingWindow Algorithm = "slide" // the default
	FixedWindow   Algorithm = "window"
	TokenBucket   Algorithm = "bucket"
	// InFlight limits how many reservations are open at a time. It has no window.
	InFlight Algorithm = "inflight"
)

// Limit is a limit of a quota.
type Limit struct {
	// Name is the limit's own name in its quota.
	Name string
	// Limit is the most cost in a window, what a bucket gains in a window, or the most open reservations.
	Limit  int64
	Window time.Duration
	// Unit is what the limit counts; "" is requests.
	Unit      string
	Algorithm Algorithm
	// Offset moves the windows of FixedWindow.
	Offset time.Duration
	// Capacity is what a TokenBucket holds.
	Capacity int64
	// Shadow makes a limit that counts and denies nobody.
	Shadow bool
}

// Limits are limits that a request spells out.
type Limits []Limit

func (all Limits) addTo(b builder) {
	bodies := make([]limitBody, len(all))
	for i, limit := range all {
		b.words(limit.words()...)
		bodies[i] = limit.body()
	}
	b.field("limits", bodies)
}

func (limit Limit) words() []string {
	words := []string{"LIMIT", limit.Name, strconv.FormatInt(limit.Limit, 10)}
	if limit.Algorithm == InFlight {
		words = append(words, "INFLIGHT")
	} else {
		words = append(words, durationWord(limit.Window))
		if limit.Unit != "" && limit.Unit != "requests" {
			words = append(words, "UNIT", limit.Unit)
		}
	}
	switch limit.Algorithm {
	case FixedWindow:
		words = append(words, "WINDOW")
		if limit.Offset != 0 {
			words = append(words, "OFFSET", durationWord(limit.Offset))
		}
	case TokenBucket:
		words = append(words, "BUCKET", strconv.FormatInt(limit.Capacity, 10))
	case SlidingWindow, InFlight, "":
	default:
		words = append(words, string(limit.Algorithm)) // the server says that it is unknown
	}
	if limit.Shadow {
		words = append(words, "SHADOW")
	}
	return words
}

// limitBody is a limit as rl-coordinator writes it.
type limitBody struct {
	Name      string `json:"name"`
	Limit     *int64 `json:"limit,omitempty"`
	Window    string `json:"window,omitempty"`
	Unit      string `json:"unit,omitempty"`
	Algorithm string `json:"algorithm,omitempty"`
	Offset    string `json:"offset,omitempty"`
	Capacity  *int64 `json:"capacity,omitempty"`
	InFlight  *int64 `json:"inflight,omitempty"`
	Shadow    bool   `json:"shadow,omitempty"`
}

func (limit Limit) body() limitBody {
	body := limitBody{Name: limit.Name, Shadow: limit.Shadow}
	if limit.Algorithm == InFlight {
		body.InFlight = &limit.Limit
		return body
	}
	body.Limit, body.Window = &limit.Limit, durationWord(limit.Window)
	if limit.Unit != "requests" {
		body.Unit = limit.Unit
	}
	if limit.Algorithm != SlidingWindow {
		body.Algorithm = string(limit.Algorithm)
	}
	if limit.Algorithm == FixedWindow && limit.Offset != 0 {
		body.Offset = durationWord(limit.Offset)
	}
	if limit.Algorithm == TokenBucket {
		body.Capacity = &limit.Capacity
	}
	return body
}

// limitOfBody reads a limit that rl-coordinator wrote.
func limitOfBody(data json.RawMessage) (Limit, bool) {
	var body limitBody
	if json.Unmarshal(data, &body) != nil {
		return Limit{}, false
	}
	if body.InFlight != nil {
		return Limit{Name: body.Name, Limit: *body.InFlight, Algorithm: InFlight, Shadow: body.Shadow}, true
	}
	window, ok := durationOf(body.Window)
	offset, moved := durationOf(body.Offset)
	if !ok || !moved && body.Offset != "" || body.Limit == nil {
		return Limit{}, false
	}
	limit := Limit{Name: body.Name, Limit: *body.Limit, Window: window, Unit: body.Unit, Offset: offset, Shadow: body.Shadow}
	if limit.Algorithm = Algorithm(body.Algorithm); limit.Algorithm == "" {
		limit.Algorithm = SlidingWindow
	}
	if body.Capacity != nil {
		limit.Capacity = *body.Capacity
	}
	return limit, true
}

// limitOfReply reads a limit of the reply of RL.POLICY GET, or of the parameters in that of RL.INFO.
func limitOfReply(name string, fields map[string]any) (Limit, bool) {
	number := func(field string) int64 {
		n, _ := integer(fields[field])
		return n
	}
	algorithm, ok := text(fields["algorithm"])
	unit, _ := text(fields["unit"])
	limit := Limit{Name: name, Limit: number("limit"), Unit: unit, Algorithm: Algorithm(strings.ToLower(algorithm))}
	limit.Window, limit.Offset = milliseconds(number("window_ms")), signedMilliseconds(number("offset_ms"))
	if word, _ := text(fields["window_ms"]); word == "1mo" {
		limit.Window = Month
	}
	if limit.Algorithm == TokenBucket {
		limit.Limit, limit.Capacity, limit.Window = number("refill"), number("capacity"), milliseconds(number("period_ms"))
	}
	limit.Shadow = number("shadow") != 0
	return limit, ok
}

func signedMilliseconds(ms int64) time.Duration {
	if ms < 0 {
		return -milliseconds(-ms)
	}
	return milliseconds(ms)
}

// durationOf reads a duration as the server writes them: 250ms, 60s, 5m, 1h, 1d, 1w, 1mo.
func durationOf(text string) (time.Duration, bool) {
	switch text {
	case "1w":
		return Week, true
	case "1mo":
		return Month, true
	}
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		n, err := strconv.ParseInt(days, 10, 32)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}
