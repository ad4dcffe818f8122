package redisrl

import (
	"errors"
	"strings"
)

// Kinds of errors, for [errors.Is].
var (
	// ErrDenied: the limit denies the request. Only [Limiter.Reserve] and middleware return it; see [DeniedError].
	ErrDenied = errors.New("denied by the rate limit")
	// ErrBusy: too many requests wait already (RLBUSY).
	ErrBusy = errors.New("too many waiters")
	// ErrWrongType: the key holds another algorithm, or another type.
	ErrWrongType = errors.New("the key holds another type")
	// ErrNoPolicy: the server has no policy of this name.
	ErrNoPolicy = errors.New("no such policy")
	// ErrInvalid: something else is wrong with the request. The text says what the server expects.
	ErrInvalid = errors.New("invalid request")
	// ErrUnsupported: rl-coordinator does not offer the call.
	ErrUnsupported = errors.New("not offered over HTTP")
	// ErrUnavailable: the request could not be decided. [Error.Cause] says why.
	ErrUnavailable = errors.New("the rate limit could not be decided")
)

// Cause says why a request could not be decided.
type Cause string

// Causes of [ErrUnavailable].
const (
	// Down: no connection, no answer in time, or a server that is loading or fails over.
	Down     Cause = "down"
	NoAuth   Cause = "noauth"     // the server wants another user or password
	NoPerm   Cause = "noperm"     // its user may not run the command, or not on this key
	NoModule Cause = "no_module"  // it lacks the module, or has an older one
	ReadOnly Cause = "readonly"   // it is a replica
	OOM      Cause = "oom"        // it is out of memory
	Moving   Cause = "slot_moves" // the key moves to another node of a cluster
	Strange  Cause = "strange"    // its answer is not understood
	// TooManyKeys and TooManyTokenKeys: rl-coordinator holds as many keys as it may.
	TooManyKeys      Cause = "too_many_keys"
	TooManyTokenKeys Cause = "too_many_token_keys"
)

// Error is an error of a request.
type Error struct {
	// Kind is one of ErrBusy, ErrWrongType, ErrNoPolicy, ErrInvalid, ErrUnsupported and ErrUnavailable.
	Kind error
	// Cause is set if Kind is ErrUnavailable.
	Cause Cause
	// Text is the server's text, if it answered one.
	Text string
	// Err is the error of the client, if no answer came.
	Err error
}

func (e *Error) Error() string {
	switch {
	case e.Text != "":
		return "redisrl: " + e.Text
	case e.Err != nil:
		return "redisrl: " + string(e.Cause) + ": " + e.Err.Error()
	}
	return "redisrl: " + e.Kind.Error()
}

// Unwrap lets errors.Is find the kind and the error of the client.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// DeniedError is the error of a scope whose request is denied.
type DeniedError struct {
	// Decision says which limits block, and for how long.
	Decision QuotaDecision
}

func (e *DeniedError) Error() string {
	text := "redisrl: denied by " + strings.Join(e.Decision.Blocking, ", ")
	if e.Decision.RetryAfter == Never {
		return text + ": the cost is above the limit"
	}
	return text + ", retry after " + e.Decision.RetryAfter.String()
}

// Unwrap returns ErrDenied, and why the request could not be decided if that is so.
func (e *DeniedError) Unwrap() []error {
	if e.Decision.Degraded == nil {
		return []error{ErrDenied}
	}
	return []error{ErrDenied, e.Decision.Degraded}
}

// refusals maps the first word of a server's error to what it means. A word that is not here begins an error of the request.
var refusals = map[string]Error{
	"RLBUSY":      {Kind: ErrBusy},
	"WRONGTYPE":   {Kind: ErrWrongType},
	"LOADING":     {Kind: ErrUnavailable, Cause: Down},
	"MASTERDOWN":  {Kind: ErrUnavailable, Cause: Down},
	"CLUSTERDOWN": {Kind: ErrUnavailable, Cause: Down},
	"BUSY":        {Kind: ErrUnavailable, Cause: Down},
	"UNBLOCKED":   {Kind: ErrUnavailable, Cause: Down},
	"MISCONF":     {Kind: ErrUnavailable, Cause: Down},
	"NOREPLICAS":  {Kind: ErrUnavailable, Cause: Down},
	"NOAUTH":      {Kind: ErrUnavailable, Cause: NoAuth},
	"WRONGPASS":   {Kind: ErrUnavailable, Cause: NoAuth},
	"NOPERM":      {Kind: ErrUnavailable, Cause: NoPerm},
	"READONLY":    {Kind: ErrUnavailable, Cause: ReadOnly},
	"OOM":         {Kind: ErrUnavailable, Cause: OOM},
	"TRYAGAIN":    {Kind: ErrUnavailable, Cause: Moving},
	"MOVED":       {Kind: ErrUnavailable, Cause: Moving},
	"ASK":         {Kind: ErrUnavailable, Cause: Moving},
}

// ServerError returns the error for a text that a server answered, such as "WRONGTYPE Operation against ...".
func ServerError(text string) error {
	word, rest, _ := strings.Cut(text, " ")
	refusal, known := refusals[word]
	switch {
	case known:
	case strings.HasPrefix(rest, "unknown command"), strings.HasPrefix(rest, "unknown subcommand"):
		refusal = Error{Kind: ErrUnavailable, Cause: NoModule}
	case strings.HasPrefix(rest, "max number of clients"):
		refusal = Error{Kind: ErrUnavailable, Cause: Down}
	case strings.HasPrefix(rest, "no such policy"):
		refusal = Error{Kind: ErrNoPolicy}
	default:
		refusal = Error{Kind: ErrInvalid}
	}
	refusal.Text = text
	return &refusal
}

// strange returns the error for a reply that is not of the expected form.
func strange(expected string) error {
	return &Error{Kind: ErrUnavailable, Cause: Strange, Text: "the server's reply is not " + expected}
}
