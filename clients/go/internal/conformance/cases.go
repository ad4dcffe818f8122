// Package conformance runs the cases of clients/conformance/cases.json, which all client packages share. Its README.md
// describes them. It makes calls by the public methods of a Limiter, and writes answers in the neutral form of the cases.
package conformance

import (
	"encoding/json"
	"os"
	"testing"
)

// Cases are all cases.
type Cases struct {
	Calls    []Call
	Replies  []Reply
	Errors   []Failed
	Failures []Failure
	Sessions []Session
}

// Call says what a call sends.
type Call struct {
	Name, Call string
	Args       Args
	Words      []string
	HTTP       *struct {
		Method, Path string
		Body         any
	}
}

// Reply says what is made of a reply.
type Reply struct {
	Name, Of     string
	Args         Args
	Resp2, Resp3 any
	HTTP         *HTTP
	Answer       any
}

// HTTP is an answer of rl-coordinator.
type HTTP struct {
	Status int
	Body   json.RawMessage
}

// Failed says what is made of an error.
type Failed struct {
	Name, Of string
	Resp     string
	HTTP     *HTTP
	Error    *Error
}

// Failure says what is answered while nothing answers.
type Failure struct {
	Name, Fail, Call string
	Answer           any
	Error            *Error
}

// Session is a list of calls on a real server.
type Session struct {
	Name, Needs string
	Over        []string
	Steps       []struct {
		Call   string
		Args   Args
		Answer json.RawMessage
		Error  *Error
	}
}

// Error is an error as the cases write it.
type Error struct{ Class, Cause string }

// Load reads the cases.
func Load(t *testing.T, path string) *Cases {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases := &Cases{}
	if err := json.Unmarshal(data, cases); err != nil {
		t.Fatal(err)
	}
	if len(cases.Calls) == 0 || len(cases.Replies) == 0 || len(cases.Errors) == 0 || len(cases.Failures) == 0 || len(cases.Sessions) == 0 {
		t.Fatal("a list of cases is empty")
	}
	return cases
}
