package servers

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

// Lab is the provider of benches/lab: a real HTTP server with the limits, headers, refusals and streams of providers.
type Lab struct{ *Server }

// LabOf starts it with a configuration, see benches/lab/provider.py.
func LabOf(t testing.TB, configuration map[string]any) Lab {
	t.Helper()
	data, err := json.Marshal(configuration)
	Must(t, err)
	port := FreePort(t)
	server := Start(t, exec.Command(Environment(t, "LAB_PYTHON"), filepath.Join(Root(t), "benches", "lab", "provider.py"), "--port", port, "--config", string(data)), "127.0.0.1:"+port)
	lab := Lab{server}
	Eventually(t, func() bool {
		answer, err := http.Post(lab.URL("/lab/start"), "", nil)
		if err == nil {
			answer.Body.Close()
		}
		return err == nil
	})
	return lab
}

// URL is the address of a path.
func (l Lab) URL(path string) string { return "http://" + l.Addr + path }

// Figures are what the lab's judge says, see benches/lab/judge.py.
type Figures struct {
	Begin struct {
		Requests, Refused, Useful int
		Use                       map[string]float64
	}
}

// Figures asks the judge.
func (l Lab) Figures(t testing.TB) Figures {
	t.Helper()
	answer, err := http.Get(l.URL("/lab/log"))
	Must(t, err)
	defer answer.Body.Close()
	var found Figures
	Must(t, json.NewDecoder(answer.Body).Decode(&found))
	return found
}

// Plenty is a limit that no test reaches.
const Plenty = 100_000_000

// LabMinute is the lab's minute in seconds.
const LabMinute = 6

// Buckets are limits of a model of the lab.
func Buckets(requests, input, output int64) map[string]any {
	bucket := func(n int64) []any { return []any{"bucket", n, max(n/5, 1)} }
	return map[string]any{"requests": bucket(requests), "input": bucket(input), "output": bucket(output)}
}

// PolicyOf are the same limits as a policy. Buckets are smaller by a hundredth of the limit, so that what is on its way does not
// come too early.
func PolicyOf(requests, input, output int64) redisrl.Limits {
	limit := func(unit string, n int64) redisrl.Limit {
		return redisrl.Limit{
			Name: unit, Unit: unit, Limit: n, Window: LabMinute * time.Second,
			Algorithm: redisrl.TokenBucket, Capacity: max(n/5, 1) - (n+99)/100,
		}
	}
	calls := redisrl.Limit{Name: "calls", Limit: 1000, Algorithm: redisrl.InFlight}
	return redisrl.Limits{limit("requests", requests), limit("input", input), limit("output", output), calls}
}
