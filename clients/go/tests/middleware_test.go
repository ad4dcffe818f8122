package tests

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/middleware"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
)

// get asks a server that is limited, and returns the status and the header fields about limits.
func get(t *testing.T, limit middleware.Middleware, header ...string) (status int, fields string) {
	t.Helper()
	server := httptest.NewServer(limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })))
	defer server.Close()
	request, err := http.NewRequest("GET", server.URL, nil)
	servers.Must(t, err)
	if len(header) == 2 {
		request.Header.Set(header[0], header[1])
	}
	response, err := http.DefaultClient.Do(request)
	servers.Must(t, err)
	defer response.Body.Close()
	var found []string
	for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy"} {
		if value := response.Header.Get(name); value != "" {
			found = append(found, name+": "+value)
		}
	}
	return response.StatusCode, strings.Join(found, " | ")
}

func TestMiddleware(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		prefix := middleware.By(func(r *http.Request) string { return t.Name() + r.Header.Get("user") })
		check := func(limit middleware.Middleware, status int, fields string, header ...string) {
			t.Helper()
			if got, found := get(t, limit, header...); got != status || found != fields {
				t.Errorf("%d %s, expected %d %s", got, found, status, fields)
			}
		}
		slide := middleware.Slide(limiter, 1, time.Minute, prefix)
		check(slide, 200, `RateLimit: "default";r=0;t=60 | RateLimit-Policy: "default";q=1;w=60`)
		check(slide, 429, `Retry-After: 60 | RateLimit: "default";r=0;t=60 | RateLimit-Policy: "default";q=1;w=60`)
		check(slide, 200, `RateLimit: "default";r=0;t=60 | RateLimit-Policy: "default";q=1;w=60`, "user", "other")
		check(middleware.Slide(limiter, 0, time.Minute, prefix), 429, `RateLimit: "default";r=0;t=0 | RateLimit-Policy: "default";q=0;w=60`, "user", "never")
		check(middleware.Bucket(limiter, 50, 500, time.Minute, prefix), 200, `RateLimit: "default";r=49;t=1 | RateLimit-Policy: "default";q=500;w=60`, "user", "bucket")
		check(middleware.Quota(limiter, redisrl.Limits{
			{Name: "rpm", Limit: 2, Window: time.Minute}, {Name: "tpm", Limit: 5, Window: 90 * time.Second, Unit: "tokens"},
			{Name: "try", Limit: 5, Window: time.Minute, Shadow: true},
		}, prefix, middleware.With(func(*http.Request) []redisrl.Option { return []redisrl.Option{redisrl.CostOf("tokens", 5)} })),
			200, `RateLimit: "rpm";r=1;t=60, "tpm";r=0;t=90 | RateLimit-Policy: "rpm";q=2;w=60, "tpm";q=5;qu="tokens";w=90`, "user", "quota")

		var told error
		none := middleware.Quota(limiter, redisrl.Policy("none"), middleware.OnError(func(_ *http.Request, err error) { told = err }))
		check(none, 500, "")
		if told == nil {
			t.Error("nobody was told")
		}
	})
}

func TestMiddlewareThatWaits(t *testing.T) {
	each(t, func(t *testing.T, limiter *redisrl.Limiter) {
		key := t.Name()
		_, err := limiter.Slide(context.Background(), key, 1, 200*time.Millisecond)
		servers.Must(t, err)
		limit := middleware.Slide(limiter, 1, 200*time.Millisecond, middleware.By(func(*http.Request) string { return key }),
			middleware.With(func(*http.Request) []redisrl.Option { return []redisrl.Option{redisrl.Wait(20 * time.Second)} }))
		if status, _ := get(t, limit); status != 200 {
			t.Error(status)
		}
	})
}

func TestMiddlewareWithoutAServer(t *testing.T) {
	for mode, expected := range map[redisrl.FailMode]struct {
		status int
		fields string
	}{redisrl.FailOpen: {200, ""}, redisrl.FailClosed: {503, "Retry-After: 1"}} {
		server := servers.Redis(t)
		limiter := servers.Clients["go-redis-resp3"](t, server.Addr, redisrl.Fail(mode), redisrl.Timeout(timeout))
		server.Kill(t)
		status, fields := get(t, middleware.Quota(limiter, redisrl.Policy("p")))
		if status != expected.status || fields != expected.fields {
			t.Error(mode, status, fields)
		}
	}
}
