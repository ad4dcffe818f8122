package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/internal/conformance"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
)

const casesPath = "../../conformance/cases.json"

const coordinatorWithToken = `
[[token]]
name = "tests"
sha256 = "%s"
policies = true
`

func TestSessions(t *testing.T) {
	server := servers.Redis(t)
	for name, client := range servers.Clients {
		protocol := name[strings.LastIndex(name, "-")+1:]
		t.Run(name, func(t *testing.T) { runSessions(t, client(t, server.Addr), server, protocol, name) })
	}
}

func TestSessionsByHTTP(t *testing.T) {
	coordinator := servers.Coordinator(t, fmt.Sprintf(coordinatorWithToken, sha256Hex("conformance")))
	limiter := redisrl.NewHTTP(redisrl.HTTP{URL: "http://" + coordinator.Addr, Token: "conformance"}, redisrl.Timeout(servers.Patience))
	runSessions(t, limiter, nil, "http", "http")
}

func runSessions(t *testing.T, limiter *redisrl.Limiter, server *servers.Server, protocol, name string) {
	ran := 0
	for i, session := range conformance.Load(t, casesPath).Sessions {
		if !slices.Contains(session.Over, protocol) {
			continue
		}
		t.Run(session.Name, func(t *testing.T) {
			if session.Needs != "" && !knows(t, server, session.Needs) {
				t.Skipf("the server does not know %s yet", session.Needs)
			}
			ran++
			for n, step := range session.Steps {
				args, prefix := step.Args, fmt.Sprintf("{%s-%d}:", name, i)
				args.Key = prefix + args.Key
				args.Keys = slices.Clone(args.Keys)
				for i := range args.Keys {
					args.Keys[i].Key = prefix + args.Keys[i].Key
				}
				got, err := conformance.Run(limiter, step.Call, &args)
				wrong := ""
				switch {
				case step.Error != nil:
					wrong = conformance.CompareError(err, step.Error)
				case err != nil:
					wrong = err.Error()
				default:
					var expected any
					if err := json.Unmarshal(step.Answer, &expected); err != nil {
						t.Fatal(err)
					}
					wrong = conformance.Compare(got, expected, true)
				}
				if wrong != "" {
					t.Fatalf("step %d, %s: %s", n+1, step.Call, wrong)
				}
			}
		})
	}
	if ran < 25 {
		t.Errorf("only %d sessions ran", ran)
	}
}

// knows says whether a word is in the server's own documentation of its commands.
func knows(t *testing.T, server *servers.Server, word string) bool {
	t.Helper()
	docs, err := server.Client(t, 2).Do(context.Background(), "COMMAND", "DOCS", "RL.SLIDE").Result()
	if err != nil {
		t.Fatal(err)
	}
	data, _ := json.Marshal(docs)
	return bytes.Contains(bytes.ToUpper(data), []byte(`"`+word+`"`))
}

func TestFailures(t *testing.T) {
	server := servers.Redis(t)
	limiters := map[string]func(redisrl.FailMode) *redisrl.Limiter{
		"http": func(mode redisrl.FailMode) *redisrl.Limiter {
			return redisrl.NewHTTP(redisrl.HTTP{URL: "http://127.0.0.1:" + servers.FreePort(t)}, redisrl.Fail(mode))
		},
	}
	for name, client := range servers.Clients {
		limiters[name] = func(mode redisrl.FailMode) *redisrl.Limiter { return client(t, server.Addr, redisrl.Fail(mode)) }
	}
	modes := map[string]redisrl.FailMode{"open": redisrl.FailOpen, "closed": redisrl.FailClosed}
	// rueidis connects when it is made, so the server ends afterwards.
	type made struct{ open, closed *redisrl.Limiter }
	all := map[string]made{}
	for name, limiter := range limiters {
		all[name] = made{limiter(redisrl.FailOpen), limiter(redisrl.FailClosed)}
	}
	server.Kill(t)
	for name, limiter := range all {
		for _, one := range conformance.Load(t, casesPath).Failures {
			t.Run(name+"/"+one.Name, func(t *testing.T) {
				asked := limiter.open
				if modes[one.Fail] == redisrl.FailClosed {
					asked = limiter.closed
				}
				args := &conformance.Args{
					Key: "k", Limit: 5, Capacity: 5, Refill: "1", WindowMs: 60000, Policy: "p", ID: "i",
					Keys: []redisrl.KeyPolicy{{Key: "k", Policy: "p"}},
				}
				got, err := conformance.Run(asked, one.Call, args)
				if one.Error != nil && name == "http" && one.Call == "info" {
					one.Error = &conformance.Error{Class: "Unsupported"} // rl-coordinator lacks it
				}
				wrong := ""
				switch {
				case one.Error != nil:
					wrong = conformance.CompareError(err, one.Error)
				case err != nil:
					wrong = err.Error()
				default:
					wrong = conformance.Compare(got, one.Answer, false)
				}
				if wrong != "" {
					t.Error(wrong)
				}
			})
		}
	}
}
