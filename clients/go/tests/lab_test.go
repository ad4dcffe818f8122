package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/provider"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
)

// usageOf reads what the provider says that a call used, in a body or a stream.
func usageOf(body string) (input, output int64) {
	for line := range strings.Lines(body) {
		type counts struct {
			Input      int64 `json:"input_tokens"`
			Output     int64 `json:"output_tokens"`
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		}
		var event struct {
			Usage   counts
			Message struct{ Usage counts }
		}
		if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &event) == nil {
			input += event.Usage.Input + event.Usage.Prompt + event.Message.Usage.Input
			output += event.Usage.Output + event.Usage.Completion
		}
	}
	return input, output
}

// call makes a call of the lab's model and returns its status and body.
func call(t testing.TB, client *http.Client, lab servers.Lab, path, job string, size int, stream bool) (int, string) {
	text := fmt.Sprintf("job %s: %s", job, strings.Repeat("x", size))
	body, _ := json.Marshal(map[string]any{
		"model": "claude-sonnet", "max_tokens": 1024, "stream": stream,
		"messages": []any{map[string]any{"role": "user", "content": text}},
	})
	answer, err := client.Post(lab.URL(path), "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return answer.StatusCode, string(data)
}

// manyCalls makes n calls, so many at once.
func manyCalls(n, atOnce int, each func(i int)) {
	var done sync.WaitGroup
	var next atomic.Int64
	for range atOnce {
		done.Add(1)
		go func() {
			defer done.Done()
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				each(i)
			}
		}()
	}
	done.Wait()
}

func setPolicy(t testing.TB, limiter *redisrl.Limiter, limits redisrl.Limits) {
	t.Helper()
	servers.Must(t, limiter.Policies().Set(context.Background(), "claude-sonnet", limits))
}

func TestLabSettledUsageIsTheProvidersOwn(t *testing.T) {
	for path, units := range map[string][]string{"/v1/messages": {"input", "output"}, "/v1/chat/completions": {"input_tokens", "output_tokens"}} {
		t.Run(path, func(t *testing.T) {
			lab := servers.LabOf(t, map[string]any{"seed": rand.IntN(1000), "minute": 6, "models": map[string]any{"claude-sonnet": servers.Buckets(servers.Plenty, servers.Plenty, servers.Plenty)}})
			limiter := servers.Clients["go-redis-resp3"](t, servers.Redis(t).Addr)
			setPolicy(t, limiter, redisrl.Limits{
				{Name: "in", Limit: servers.Plenty, Window: time.Hour, Unit: units[0]}, {Name: "out", Limit: servers.Plenty, Window: time.Hour, Unit: units[1]},
				{Name: "rpm", Limit: servers.Plenty, Window: time.Hour}, {Name: "calls", Limit: 50, Algorithm: redisrl.InFlight},
			})
			client := &http.Client{Transport: provider.New(limiter, "claude-sonnet")}
			var input, output atomic.Int64
			manyCalls(1000, 50, func(i int) {
				status, body := call(t, client, lab, path, fmt.Sprint(i), rand.IntN(4000), i%2 == 0)
				in, out := usageOf(body)
				if status != http.StatusOK || out == 0 {
					t.Error(status, body)
				}
				input.Add(in)
				output.Add(out)
			})
			var info redisrl.Info
			// On a busy machine an answer to a settlement may be late. It is sent again.
			servers.Eventually(t, func() bool {
				var err error
				info, _, err = limiter.Info(context.Background(), "claude-sonnet")
				return err == nil && info.Reservations == 0
			})
			used := map[string]int64{"in": input.Load(), "out": output.Load(), "rpm": 1000, "calls": 0}
			for name, n := range used {
				if info.Limits[name].Used != n {
					t.Errorf("%s: %d, the provider says %d", name, info.Limits[name].Used, n)
				}
			}
		})
	}
}

// statuses counts the answers of each status.
type statuses struct {
	mu  sync.Mutex
	all map[int]int
}

func (s *statuses) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.all == nil {
			s.all = map[int]int{}
		}
		s.all[response.StatusCode]++
	}
	return response, err
}

func TestLabRefusalsAreWaitedFor(t *testing.T) {
	lab := servers.LabOf(t, map[string]any{"seed": 1, "minute": servers.LabMinute, "models": map[string]any{"claude-sonnet": servers.Buckets(100, servers.Plenty, servers.Plenty)}})
	limiter := servers.Clients["rueidis-resp3"](t, servers.Redis(t).Addr)
	setPolicy(t, limiter, servers.PolicyOf(10000, servers.Plenty, servers.Plenty)) // far above what the provider allows
	var seen statuses
	client := &http.Client{Transport: provider.New(limiter, "claude-sonnet", provider.Base(&seen), provider.Attempts(100))}
	// After each hold the provider takes at least one of them.
	manyCalls(60, 60, func(i int) {
		if status, body := call(t, client, lab, "/v1/messages", fmt.Sprint(i), 100, i%2 == 0); status != http.StatusOK {
			t.Error(status, body)
		}
	})
	t.Log(seen.all)
	if seen.all[http.StatusTooManyRequests] == 0 || seen.all[http.StatusOK] != 60 {
		t.Error(seen.all)
	}
	info, _, err := limiter.Info(context.Background(), "claude-sonnet")
	servers.Must(t, err)
	if info.Reservations != 0 {
		t.Error("open reservations:", info.Reservations)
	}
}

func TestLabOverloadIsWaitedFor(t *testing.T) {
	lab := servers.LabOf(t, map[string]any{"seed": 1, "minute": servers.LabMinute, "overloaded": 0.3, "models": map[string]any{"claude-sonnet": servers.Buckets(servers.Plenty, servers.Plenty, servers.Plenty)}})
	limiter := servers.Clients["go-redis-resp2"](t, servers.Redis(t).Addr)
	setPolicy(t, limiter, servers.PolicyOf(servers.Plenty, servers.Plenty, servers.Plenty))
	var seen statuses
	client := &http.Client{Transport: provider.New(limiter, "claude-sonnet", provider.Base(&seen), provider.Attempts(50))}
	manyCalls(20, 20, func(i int) {
		if status, body := call(t, client, lab, "/v1/messages", fmt.Sprint(i), 100, false); status != http.StatusOK {
			t.Error(status, body)
		}
	})
	if seen.all[529] == 0 || seen.all[http.StatusOK] != 20 {
		t.Error(seen.all)
	}
}

// The provider's limit is used, and not exceeded, by many callers at once.
func TestLabLimitIsUsedAndKept(t *testing.T) {
	const requests, input, output = 300, 300 * 560, 300 * 224
	lab := servers.LabOf(t, map[string]any{"seed": 7, "minute": servers.LabMinute, "models": map[string]any{"claude-sonnet": servers.Buckets(requests, input, output)}})
	limiter := servers.Clients["go-redis-resp3"](t, servers.Redis(t).Addr)
	setPolicy(t, limiter, servers.PolicyOf(requests, input, output))
	var seen statuses
	client := &http.Client{Transport: provider.New(limiter, "claude-sonnet", provider.Base(&seen), provider.Wait(5*time.Minute))}
	again, err := http.Post(lab.URL("/lab/start"), "", nil)
	servers.Must(t, err)
	again.Body.Close()
	end := time.Now().Add(3 * servers.LabMinute * time.Second)
	manyCalls(100_000, 50, func(i int) {
		if time.Now().Before(end) {
			call(t, client, lab, "/v1/messages", fmt.Sprint(i), 4*rand.IntN(800), i%2 == 0)
		}
	})
	found := lab.Figures(t)
	t.Logf("%d requests, %d refused, %.1f %% of the limit used", found.Begin.Requests, found.Begin.Refused, 100*found.Begin.Use["claude-sonnet"])
	if found.Begin.Refused*1000 > found.Begin.Requests || found.Begin.Use["claude-sonnet"] < 0.9 {
		t.Errorf("%+v", found)
	}
}

// The bytes that reach the caller are those that the provider sent, as they come.
func TestLabStreamsAreUntouched(t *testing.T) {
	lab := servers.LabOf(t, map[string]any{"seed": 1, "minute": servers.LabMinute, "models": map[string]any{"claude-sonnet": servers.Buckets(servers.Plenty, servers.Plenty, servers.Plenty)}})
	limiter := servers.Clients["go-redis-resp3"](t, servers.Redis(t).Addr)
	setPolicy(t, limiter, servers.PolicyOf(servers.Plenty, servers.Plenty, servers.Plenty))
	limited := &http.Client{Transport: provider.New(limiter, "claude-sonnet")}
	for i := range 20 {
		_, plain := call(t, http.DefaultClient, lab, "/v1/messages", fmt.Sprint(i), 100, true)
		_, passed := call(t, limited, lab, "/v1/messages", fmt.Sprint(i), 100, true)
		if plain != passed || len(plain) < 100 {
			t.Errorf("%q, %q", plain, passed)
		}
	}
}
