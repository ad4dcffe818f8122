package tests

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

// Lab is the provider of benches/lab: a real HTTP server with the limits, headers, refusals and streams of providers.
type Lab struct{ *Server }

// labOf starts it with a configuration, see benches/lab/provider.py.
func labOf(t testing.TB, configuration map[string]any) Lab {
	t.Helper()
	data, err := json.Marshal(configuration)
	must(t, err)
	port := freePort(t)
	server := start(t, exec.Command(environment(t, "LAB_PYTHON"), "../../../benches/lab/provider.py", "--port", port, "--config", string(data)), "127.0.0.1:"+port)
	lab := Lab{server}
	eventually(t, func() bool {
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

// figures are what the lab's judge says, see benches/lab/judge.py.
type figures struct {
	Begin struct {
		Requests, Refused, Useful int
		Use                       map[string]float64
	}
}

func (l Lab) figures(t testing.TB) figures {
	t.Helper()
	answer, err := http.Get(l.URL("/lab/log"))
	must(t, err)
	defer answer.Body.Close()
	var found figures
	must(t, json.NewDecoder(answer.Body).Decode(&found))
	return found
}

// labMinute is the lab's minute in seconds.
const labMinute = 6

// buckets are limits of a model of the lab.
func buckets(requests, input, output int64) map[string]any {
	bucket := func(n int64) []any { return []any{"bucket", n, max(n/5, 1)} }
	return map[string]any{"requests": bucket(requests), "input": bucket(input), "output": bucket(output)}
}

// policyOf are the same limits as a policy. Buckets are smaller by a hundredth of the limit, so that what is on its way does not
// come too early.
func policyOf(requests, input, output int64) redisrl.Limits {
	limit := func(unit string, n int64) redisrl.Limit {
		return redisrl.Limit{
			Name: unit, Unit: unit, Limit: n, Window: labMinute * time.Second,
			Algorithm: redisrl.TokenBucket, Capacity: max(n/5, 1) - (n+99)/100,
		}
	}
	calls := redisrl.Limit{Name: "calls", Limit: 1000, Algorithm: redisrl.InFlight}
	return redisrl.Limits{limit("requests", requests), limit("input", input), limit("output", output), calls}
}
