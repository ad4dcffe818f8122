package redisrl_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/internal/conformance"
)

const casesPath = "../conformance/cases.json"

// connFunc answers commands without a server, for the cases that need none.
type connFunc func(command *redisrl.Command) (any, error)

func (f connFunc) Do(_ context.Context, command *redisrl.Command) (any, error) { return f(command) }

func TestWordsOfCalls(t *testing.T) {
	stop := errors.New("stop")
	for _, one := range conformance.Load(t, casesPath).Calls {
		t.Run(one.Name, func(t *testing.T) {
			var sent []string
			_, _ = conformance.Run(redisrl.New(connFunc(func(command *redisrl.Command) (any, error) {
				sent = command.Words
				return nil, stop
			})), one.Call, &one.Args)
			if !reflect.DeepEqual(sent, one.Words) {
				t.Errorf("sent %q, expected %q", sent, one.Words)
			}
		})
	}
}

func TestBodiesOfCalls(t *testing.T) {
	for _, one := range conformance.Load(t, casesPath).Calls {
		t.Run(one.Name, func(t *testing.T) {
			var method, path string
			var body any
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				method, path = r.Method, r.URL.EscapedPath()
				if data, _ := io.ReadAll(r.Body); len(data) > 0 {
					_ = json.Unmarshal(data, &body)
				}
				w.WriteHeader(http.StatusTeapot)
			}))
			defer server.Close()
			_, err := conformance.Run(redisrl.NewHTTP(redisrl.HTTP{URL: server.URL}), one.Call, &one.Args)
			if one.HTTP == nil {
				if !errors.Is(err, redisrl.ErrUnsupported) || method != "" {
					t.Errorf("sent %s %s, answered %v", method, path, err)
				}
				return
			}
			if method != one.HTTP.Method || path != one.HTTP.Path || !reflect.DeepEqual(body, one.HTTP.Body) {
				t.Errorf("sent %s %s %v, expected %+v", method, path, body, *one.HTTP)
			}
		})
	}
}

func TestReplies(t *testing.T) {
	for _, one := range conformance.Load(t, casesPath).Replies {
		check := func(form string, limiter *redisrl.Limiter) {
			t.Run(one.Name+"/"+form, func(t *testing.T) {
				got, err := conformance.Run(limiter, one.Of, &one.Args)
				if err != nil {
					t.Fatal(err)
				}
				if wrong := conformance.Compare(got, one.Answer, false); wrong != "" {
					t.Error(wrong)
				}
			})
		}
		check("resp2", answering(one.Resp2, nil))
		check("resp3", answering(one.Resp3, nil))
		if one.HTTP != nil {
			check("http", answeringHTTP(t, one.HTTP))
		}
	}
}

func TestErrors(t *testing.T) {
	for _, one := range conformance.Load(t, casesPath).Errors {
		check := func(form string, limiter *redisrl.Limiter) {
			t.Run(one.Name+"/"+form, func(t *testing.T) {
				// The fail mode answers calls that ask for an admission, so the error is in the answer.
				decided, err := limiter.Quota(context.Background(), "k", redisrl.Policy("p"))
				if one.Error.Class == "Unavailable" {
					if err != nil {
						t.Fatal(err)
					}
					err = decided.Degraded
				}
				if wrong := conformance.CompareError(err, one.Error); wrong != "" {
					t.Error(wrong)
				}
			})
		}
		if one.Resp != "" {
			check("resp", answering(nil, redisrl.ServerError(one.Resp)))
		}
		if one.HTTP != nil {
			check("http", answeringHTTP(t, one.HTTP))
		}
	}
}

func answering(reply any, err error) *redisrl.Limiter {
	return redisrl.New(connFunc(func(*redisrl.Command) (any, error) { return asDecoded(reply), err }))
}

func answeringHTTP(t *testing.T, answer *conformance.HTTP) *redisrl.Limiter {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answer.Status)
		_, _ = w.Write(answer.Body)
	}))
	t.Cleanup(server.Close)
	return redisrl.NewHTTP(redisrl.HTTP{URL: server.URL})
}

// asDecoded writes a reply of a case as clients of Redis decode it.
func asDecoded(reply any) any {
	switch reply := reply.(type) {
	case float64:
		return int64(reply)
	case []any:
		items := make([]any, len(reply))
		for i, item := range reply {
			items[i] = asDecoded(item)
		}
		return items
	case map[string]any:
		fields := map[any]any{}
		for _, pair := range reply["map"].([]any) {
			fields[pair.([]any)[0]] = asDecoded(pair.([]any)[1])
		}
		return fields
	}
	return reply
}
