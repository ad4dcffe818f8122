package tests

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/provider"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
)

// refusing answers the first request with a refusal, and the others with JSON. It remembers when they came.
func refusing(at *[]time.Time, refusal http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		data, _ := io.ReadAll(q.Body)
		*at = append(*at, time.Now())
		switch {
		case string(data) != body:
			sendJSON(500, "the body of a later attempt is another")(w, q)
		case len(*at) == 1:
			refusal(w, q)
		default:
			sendJSON(200, wholeBody)(w, q)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, one := range []struct {
		name, profile string
		refusal       http.HandlerFunc
		hold          time.Duration
		requests      int64 // charged: does the provider count refused requests?
	}{
		{"Anthropic 429", "anthropic", sendJSON(429, "{}", "retry-after", "0.4"), 400 * time.Millisecond, 1},
		{"Anthropic 529", "anthropic", sendJSON(529, "{}"), time.Second, 1},
		{"OpenAI 429", "openai", sendJSON(429, "{}", "retry-after-ms", "300"), 300 * time.Millisecond, 2},
		{"OpenAI 503", "openai", sendJSON(503, "{}", "retry-after", "0.3"), 300 * time.Millisecond, 2},
		{"Gemini says it in the body", "gemini", sendJSON(429, `{"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.4s"}]}}`), 400 * time.Millisecond, 2},
	} {
		t.Run(one.name, func(t *testing.T) {
			var at []time.Time
			r := rigOf(t, refusing(&at, one.refusal), provider.Profile(one.profile))
			response, err := r.post(context.Background())
			servers.Must(t, err)
			data, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != 200 || len(at) != 2 {
				t.Fatal(response.Status, string(data), len(at))
			}
			// The server's clock counts whole milliseconds.
			if waited := at[1].Sub(at[0]); waited < one.hold-time.Millisecond || waited > one.hold+10*time.Second {
				t.Errorf("it came again after %v", waited)
			}
			expect(t, r.used(t), map[string]int64{"rpm": one.requests, "reservations": 0})
		})
	}
}

// A refusal that lasts longer than the caller would wait is the answer, as it came.
func TestRefusalThatLasts(t *testing.T) {
	const text = `{"type": "error"}`
	r := rigOf(t, sendJSON(429, text, "retry-after", "60", "anthropic-ratelimit-requests-remaining", "0"), provider.Wait(5*time.Second))
	response, err := r.post(context.Background())
	servers.Must(t, err)
	data, _ := io.ReadAll(response.Body)
	if response.StatusCode != 429 || string(data) != text || response.Header.Get("retry-after") != "60" {
		t.Error(response.Status, string(data))
	}
	info, _, err := r.limiter.Info(context.Background(), "llm")
	servers.Must(t, err)
	for _, name := range []string{"rpm", "input", "output"} {
		if info.Limits[name].Held < 50*time.Second {
			t.Error(name, "is not held:", info.Limits[name].Held)
		}
	}
	// What is left, less the margin, is told as well.
	if found := info.Limits["rpm"].UsedElsewhere; found != 9-(-1) {
		t.Error("used elsewhere:", found)
	}
	// The next one is denied without asking the provider.
	short := &http.Client{Transport: provider.New(r.limiter, "llm", provider.Wait(50*time.Millisecond))}
	_, err = short.Post(r.url, "application/json", strings.NewReader(body))
	var denied *redisrl.DeniedError
	if !errors.As(err, &denied) || denied.Decision.RetryAfter < 50*time.Second {
		t.Error(err)
	}
}
