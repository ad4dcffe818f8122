// Package profile says how providers count and tell their limits.
//
// The facts are in profiles.json, a copy of crates/profiles/profiles.json with its sources: [Named] returns those of one
// provider. [Profile.Read] reads the headers of an answer, and a [Meter] reads what a call used. There is no I/O here.
package profile

//go:generate go run ./generate

import (
	_ "embed"
	"encoding/json"
	"slices"
	"sync"
)

//go:embed profiles.json
var document []byte

// Profile is what a provider says about its limits.
type Profile struct {
	// Limits are the limits that have headers of their own.
	Limits []LimitHeaders `json:"limits"`
	// Structured names a header that is a list of limits, as RateLimit of the IETF.
	Structured *struct {
		Header string `json:"header"`
	} `json:"structured"`
	// Retry are the headers that say when to ask again.
	Retry []TimeHeader `json:"retry"`
	// RetryBody says the same of the body of a refusal.
	RetryBody *RetryBody `json:"retry_body"`
	Refused   struct {
		// Statuses are those of refusals.
		Statuses []int `json:"statuses"`
		// Counts says whether a refused request counts. nil: that is not known.
		Counts *bool `json:"counts"`
	} `json:"refused"`
	Usage  Usage `json:"usage"`
	Output struct {
		// Charged says in words how output is counted. See [Profile.Charging].
		Charged string `json:"charged"`
	} `json:"output"`
}

// LimitHeaders are the headers of one limit.
type LimitHeaders struct {
	Limit     string      `json:"limit"`
	Names     []string    `json:"names"`
	Remaining string      `json:"remaining"`
	Of        string      `json:"of"` // the header with the whole limit; "" if there is none
	Reset     *TimeHeader `json:"reset"`
}

// TimeHeader is a header with a time.
type TimeHeader struct {
	Header string `json:"header"`
	Form   form   `json:"form"`
}

// RetryBody is where the body of a refusal says when to ask again: in the item of a list that has this type.
type RetryBody struct {
	Type string `json:"type"`
	List string `json:"list"`
	Path string `json:"path"`
	Form form   `json:"form"`
}

// Usage is where an answer says what was used, as paths by the name of a limit. Of several paths the first that is there counts.
type Usage struct {
	Body    map[string][]string `json:"body"`
	Add     map[string][]string `json:"add"`
	Stream  []StreamUsage       `json:"stream"`
	Headers map[string]string   `json:"headers"`
	// Excluded are counts within those of the input that do not count.
	Excluded []string `json:"excluded"`
}

var all = sync.OnceValue(func() map[string]*Profile {
	var found struct {
		Profiles map[string]*Profile `json:"profiles"`
	}
	if err := json.Unmarshal(document, &found); err != nil {
		panic("profiles.json: " + err.Error()) // a test reads it
	}
	return found.Profiles
})

// Named returns the profile of a provider, such as anthropic or openai; nil if there is none.
func Named(name string) *Profile { return all()[name] }

// Names returns the names of all profiles, sorted.
func Names() []string {
	names := make([]string, 0, len(all()))
	for name := range all() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// IsRefusal says whether an answer of this status is a refusal.
func (p *Profile) IsRefusal(status int) bool { return slices.Contains(p.Refused.Statuses, status) }

// Charging is how a provider counts output.
type Charging int

const (
	// Produced: what was really produced counts, when it is.
	Produced Charging = iota
	// ReservedThenSettled: the most output counts when the request comes, and what was produced counts at its end.
	ReservedThenSettled
	// Reserved: the most output counts when the request comes, whatever is produced.
	Reserved
	// ReservedOrInput: the larger of the most output and an estimate of the input counts, whatever is used.
	ReservedOrInput
)

// charging maps the words of profiles.json. A test fails if it has others.
var charging = map[string]Charging{
	"":                                     Produced, // not known
	"produced":                             Produced,
	"reserved as max_tokens, then settled": ReservedThenSettled,
	"max_tokens as estimated when the request comes": Reserved,
	"larger of max_tokens and an estimate":           ReservedOrInput,
}

// Charging returns how the provider counts output. If that is not known, what was produced counts.
func (p *Profile) Charging() Charging { return charging[p.Output.Charged] }
