package profile

import (
	"encoding/json"
	"net/http"
	"strings"
)

// StreamUsage is where the events of one name say what was used. A nil name stands for events without one.
type StreamUsage struct {
	Event *string
	// Body and Add are as in [Usage].
	Body map[string][]string
	Add  map[string][]string
}

// UnmarshalJSON reads the fields event and add. All other fields are paths by the name of a limit.
func (s *StreamUsage) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	s.Body = map[string][]string{}
	for name, value := range fields {
		var err error
		switch name {
		case "event":
			err = json.Unmarshal(value, &s.Event)
		case "add":
			err = json.Unmarshal(value, &s.Add)
		default:
			var paths []string
			err = json.Unmarshal(value, &paths)
			s.Body[name] = paths
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Used is what a call used, by the name of a limit, such as input-tokens, output-tokens and tokens.
type Used map[string]int64

// ReadBody reads what the body of an answer says.
func (u *Usage) ReadBody(body []byte) Used {
	var document any
	used := Used{}
	if json.Unmarshal(body, &document) == nil {
		used.read(document, u.Body, u.Add, u.Excluded)
	}
	return used
}

// ReadHeaders reads what the headers of an answer say.
func (u *Usage) ReadHeaders(headers http.Header) Used {
	used := Used{}
	for limit, name := range u.Headers {
		if n, ok := count(headers.Get(name)); ok {
			used[limit] = n
		}
	}
	return used
}

// ReadEvent adds what an event of a stream says to used. A later event replaces what an earlier one said of the same limit.
func (u *Usage) ReadEvent(name string, document any, used Used) {
	for _, event := range u.Stream {
		if event.Event == nil && name == "" || event.Event != nil && *event.Event == name {
			used.read(document, event.Body, event.Add, u.Excluded)
		}
	}
}

func (used Used) read(document any, paths, add map[string][]string, excluded []string) {
	for limit, of := range paths {
		path, total, found := first(document, of)
		if !found {
			continue
		}
		for _, more := range add[limit] {
			n, _ := number(at(document, more))
			total += n
		}
		for _, part := range excluded {
			if limit == "tokens" || isDetailOf(part, path) {
				total -= detail(document, part)
			}
		}
		used[limit] = max(0, min(total, countMax))
	}
}

// isDetailOf says whether a count is a part of another: usage.a_details.b is a part of usage.a. Other counts stand beside it.
func isDetailOf(part, whole string) bool { return strings.HasPrefix(part, whole+"_details.") }

// detail returns a count that is a part of another one, 0 if it is none.
func detail(document any, part string) int64 {
	if !strings.Contains(part, "_details.") {
		return 0
	}
	n, _ := number(at(document, part))
	return n
}

func first(document any, paths []string) (path string, n int64, found bool) {
	for _, path := range paths {
		if n, ok := number(at(document, path)); ok {
			return path, n, true
		}
	}
	return "", 0, false
}

func number(value any) (int64, bool) {
	n, ok := value.(float64)
	if !ok || n < 0 {
		return 0, false
	}
	return int64(min(n, countMax)), true
}
