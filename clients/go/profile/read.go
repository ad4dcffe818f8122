package profile

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// valueMax is the longest value of a header that is read, in bytes.
const valueMax = 4096

// countMax is the largest count: integers are exact in every client up to here.
const countMax = 1<<53 - 1

// Left is what is left of a limit.
type Left struct {
	// Names are what the limit may be called in a policy, the most usual name first.
	Names     []string
	Remaining int64
	// Of is the whole limit; 0 if it is not said.
	Of int64
	// Reset is when it starts anew, rounded up to ms; 0 if that is not known.
	Reset time.Duration
}

// Told is what headers say.
type Told struct {
	Limits []Left
	// Hold is how long nobody should ask, rounded up to ms; 0 if they ask for no hold.
	Hold time.Duration
}

// Read reads headers by a profile. now is the time by which instants become durations. A value that is not understood is as
// if it was not there.
func (p *Profile) Read(headers http.Header, now time.Time) Told {
	value := func(name string) string {
		text := strings.TrimSpace(headers.Get(name))
		if len(text) > valueMax {
			return ""
		}
		return text
	}
	var told Told
	if p.Structured != nil {
		told.Limits = structured(value(p.Structured.Header))
	}
	for _, limit := range p.Limits {
		remaining, ok := count(value(limit.Remaining))
		if !ok {
			continue
		}
		left := Left{Names: limit.Names, Remaining: remaining}
		left.Of, _ = count(value(limit.Of))
		if limit.Reset != nil {
			left.Reset = limit.Reset.Form.duration(value(limit.Reset.Header), now)
		}
		told.Limits = append(told.Limits, left)
	}
	for _, retry := range p.Retry {
		if told.Hold = retry.Form.duration(value(retry.Header), now); told.Hold > 0 {
			break
		}
	}
	return told
}

// ReadRefusal reads the body of a refusal: how long nobody should ask, 0 if it does not say so.
func (p *Profile) ReadRefusal(body []byte, now time.Time) time.Duration {
	if p.RetryBody == nil {
		return 0
	}
	var document any
	if json.Unmarshal(body, &document) != nil {
		return 0
	}
	items, _ := at(document, p.RetryBody.List).([]any)
	for _, item := range items {
		if at(item, "@type") != p.RetryBody.Type {
			continue
		}
		if text, ok := at(item, p.RetryBody.Path).(string); ok {
			return p.RetryBody.Form.duration(text, now)
		}
	}
	return 0
}

// at follows a path of names with dots between them; nil if there is nothing.
func at(document any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		fields, ok := document.(map[string]any)
		if !ok {
			return nil
		}
		document = fields[name]
	}
	return document
}

// count reads a count; a larger one than every client can read is the largest of those.
func count(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > countMax { // only digits, so it can only be too large
		n = countMax
	}
	return n, true
}
