package redisrl

import (
	"encoding/json"
	"net/http"
)

// webAnswer has all fields of rl-coordinator's answers.
type webAnswer struct {
	Allowed      *bool             `json:"allowed"`
	Limit        int64             `json:"limit"`
	Remaining    *int64            `json:"remaining"`
	RetryAfterMs int64             `json:"retry_after_ms"`
	ResetAfterMs *int64            `json:"reset_after_ms"`
	Blocking     []string          `json:"blocking"`
	Limits       []json.RawMessage `json:"limits"`
	Reservation  *string           `json:"reservation"`
	Index        *int64            `json:"index"`
	Overrides    []any             `json:"overrides"`
	Done         *bool             `json:"done"`
	HoldMs       *int64            `json:"hold_ms"`
	Elsewhere    json.RawMessage   `json:"used_elsewhere"`
	Policies     []any             `json:"policies"`
	Name         string            `json:"name"`
	Degraded     bool              `json:"degraded"`
	Code         string            `json:"code"`
	Detail       string            `json:"detail"`
}

// isAbsent has the codes of a 404 that say that there is nothing to answer about.
var isAbsent = map[string]bool{"no_such_key": true, "no_such_policy": true, "no_such_override": true}

// webReply turns an answer of rl-coordinator into the reply that the module gives to the same command.
func webReply(status int, data []byte) (any, error) {
	var answer webAnswer
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, webError(status, &answer)
	}
	switch {
	case status == http.StatusNotFound && isAbsent[answer.Code]:
		return nil, nil
	case status != http.StatusOK && status != http.StatusTooManyRequests || answer.Degraded:
		return nil, webError(status, &answer)
	case answer.Done != nil:
		return flag(*answer.Done), nil
	case answer.Elsewhere != nil:
		return webElsewhere(answer.Elsewhere)
	case answer.HoldMs != nil:
		return *answer.HoldMs, nil
	case answer.Policies != nil:
		return answer.Policies, nil
	case answer.Overrides != nil:
		return answer.Overrides, nil
	case answer.Name != "":
		return webLimits(answer.Limits)
	case answer.Allowed != nil && answer.Limits != nil:
		return webQuota(&answer)
	case answer.Allowed != nil && answer.Remaining != nil && answer.ResetAfterMs != nil:
		return []any{flag(*answer.Allowed), answer.Limit, *answer.Remaining, answer.RetryAfterMs, *answer.ResetAfterMs}, nil
	case answer.Remaining != nil:
		return *answer.Remaining, nil
	}
	return nil, strange("one of rl-coordinator")
}

func flag(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

func webQuota(answer *webAnswer) (any, error) {
	blocking, rows := make([]any, len(answer.Blocking)), make([]any, len(answer.Limits))
	for i, name := range answer.Blocking {
		blocking[i] = name
	}
	for i, data := range answer.Limits {
		var row struct {
			Name             string
			Limit, Remaining int64
			RetryAfter       int64 `json:"retry_after_ms"`
			ResetAfter       int64 `json:"reset_after_ms"`
		}
		if json.Unmarshal(data, &row) != nil {
			return nil, strange("that of a quota")
		}
		rows[i] = []any{row.Name, row.Limit, row.Remaining, row.RetryAfter, row.ResetAfter}
	}
	reply := []any{flag(*answer.Allowed), answer.RetryAfterMs, blocking, rows}
	if answer.Reservation != nil {
		reply = append(reply, *answer.Reservation)
	}
	if answer.Index != nil {
		reply = append(reply, *answer.Index)
	}
	return reply, nil
}

func webElsewhere(data json.RawMessage) (any, error) {
	var one int64
	if json.Unmarshal(data, &one) == nil {
		return one, nil
	}
	var named map[string]int64
	if json.Unmarshal(data, &named) != nil {
		return nil, strange("a map of integers")
	}
	reply := make(map[string]any, len(named))
	for name, used := range named {
		reply[name] = used
	}
	return reply, nil
}

func webLimits(all []json.RawMessage) (any, error) {
	limits := make(Limits, len(all))
	for i, data := range all {
		limit, ok := limitOfBody(data)
		if !ok {
			return nil, strange("a list of limits")
		}
		limits[i] = limit
	}
	return limits, nil
}

// webRefusals maps the code of an error of rl-coordinator to what it means. A code that is not here is an error of the request.
var webRefusals = map[string]Error{
	"too_many_waiters":        {Kind: ErrBusy},
	"wrong_algorithm":         {Kind: ErrWrongType},
	"no_such_policy":          {Kind: ErrNoPolicy},
	"back_end_down":           {Kind: ErrUnavailable, Cause: Down},
	"back_end_without_module": {Kind: ErrUnavailable, Cause: NoModule},
	"back_end_read_only":      {Kind: ErrUnavailable, Cause: ReadOnly},
	"back_end_strange":        {Kind: ErrUnavailable, Cause: Strange},
	"back_end_refuses":        {Kind: ErrUnavailable, Cause: NoPerm},
	"out_of_memory":           {Kind: ErrUnavailable, Cause: OOM},
	"slot_moves":              {Kind: ErrUnavailable, Cause: Moving},
	"too_many_keys":           {Kind: ErrUnavailable, Cause: TooManyKeys},
	"too_many_token_keys":     {Kind: ErrUnavailable, Cause: TooManyTokenKeys},
}

func webError(status int, answer *webAnswer) error {
	refusal, known := webRefusals[answer.Code]
	switch {
	case answer.Code == "back_end_refuses" && isAboutUser(answer.Detail):
		refusal.Cause = NoAuth
	case known:
	case status == http.StatusUnauthorized:
		refusal = Error{Kind: ErrUnavailable, Cause: NoAuth}
	case status == http.StatusForbidden:
		refusal = Error{Kind: ErrUnavailable, Cause: NoPerm}
	case status == http.StatusOK && answer.Degraded, status >= http.StatusInternalServerError:
		refusal = Error{Kind: ErrUnavailable, Cause: Down}
	case answer.Code == "":
		refusal = Error{Kind: ErrUnavailable, Cause: Strange}
	default:
		refusal = Error{Kind: ErrInvalid}
	}
	if refusal.Text = answer.Detail; refusal.Text == "" {
		refusal.Text = http.StatusText(status)
	}
	return &refusal
}

// isAboutUser tells the two cases of back_end_refuses apart: the back end wants another user, or does not let this one.
func isAboutUser(detail string) bool {
	const noAuth = "the back end wants another user or password"
	return len(detail) >= len(noAuth) && detail[:len(noAuth)] == noAuth
}
