package tests

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/provider"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
)

// What the lab's provider never does is done by small servers here.

const (
	messageStart = "event: message_start\ndata: {\"message\": {\"usage\": {\"input_tokens\": 30, \"output_tokens\": 1}}}\n\n"
	fortyBytes   = "event: content_block_delta\ndata: {\"delta\": {\"type\": \"text_delta\", \"text\": \"0123456789012345678901234567890123456789\"}}\n\n"
	messageDelta = "event: message_delta\ndata: {\"usage\": {\"output_tokens\": 77}}\n\n"
	wholeBody    = `{"usage": {"input_tokens": 30, "output_tokens": 77}}`
)

// rig is a limiter with the policy llm, and a client whose requests go to a handler.
type rig struct {
	limiter *redisrl.Limiter
	client  *http.Client
	url     string
}

func rigOf(t *testing.T, handler http.HandlerFunc, settings ...provider.Setting) rig {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	limiter := servers.Clients["go-redis-resp3"](t, servers.Redis(t).Addr)
	servers.Must(t, limiter.Policies().Set(context.Background(), "llm", redisrl.Limits{
		{Name: "rpm", Limit: 10, Window: time.Hour}, {Name: "input", Limit: 100_000, Window: time.Hour, Unit: "input"},
		{Name: "output", Limit: 100_000, Window: time.Hour, Unit: "output"}, {Name: "calls", Limit: 5, Algorithm: redisrl.InFlight},
	}))
	return rig{limiter, &http.Client{Transport: provider.New(limiter, "llm", settings...)}, server.URL + "/v1/messages"}
}

// body has 100 bytes, so its input is estimated as 25 tokens.
var body = fmt.Sprintf("%-100s", `{"model": "m", "max_tokens": 500, "messages": []}`)

func (r rig) post(ctx context.Context) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, "POST", r.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return r.client.Do(request)
}

func (r rig) used(t *testing.T) map[string]int64 {
	t.Helper()
	info, _, err := r.limiter.Info(context.Background(), "llm")
	servers.Must(t, err)
	used := map[string]int64{}
	for name, limit := range info.Limits {
		used[name] = limit.Used
	}
	used["reservations"] = info.Reservations
	return used
}

func sendStream(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, part := range parts {
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func sendJSON(status int, text string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// breakOff sends a part of an answer, and then closes the connection.
func breakOff(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		handler(w, r)
		panic(http.ErrAbortHandler)
	}
}

func gzipped(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		zipped := gzip.NewWriter(w)
		_, _ = io.WriteString(zipped, text)
		_ = zipped.Close()
	}
}

// What is charged after an answer: the estimate is 25 input and 500 output tokens.
func TestAnswersAreSettled(t *testing.T) {
	for _, one := range []struct {
		name          string
		handler       http.HandlerFunc
		input, output int64
	}{
		{"JSON", sendJSON(200, wholeBody), 30, 77},
		{"a stream", sendStream(messageStart, fortyBytes, messageDelta), 30, 77},
		{"a stream that breaks", breakOff(sendStream(messageStart, fortyBytes)), 30, 10},
		{"a stream that breaks at once", breakOff(sendStream("event: ping\n")), 25, 0},
		{"a stream without usage", sendStream(fortyBytes), 25, 500},
		{"a stream that is malformed", sendStream("event: message_start\ndata: {\n\n", "nonsense\n\n"), 25, 500},
		{"JSON without usage", sendJSON(200, `{"content": []}`), 25, 500},
		{"malformed JSON", sendJSON(200, `{"usage": {"input_tokens": 30, "outp`), 25, 500},
		{"JSON that breaks off", breakOff(sendJSON(200, `{"usage": {"input_tokens": 30,`)), 25, 500},
		{"no body", sendJSON(200, ""), 25, 500},
		{"an error of the request", sendJSON(400, `{"error": {}}`), 0, 0},
		{"an error of the provider", sendJSON(500, `{"error": {}}`), 25, 500},
		{"no answer", breakOff(func(http.ResponseWriter, *http.Request) {}), 25, 500},
	} {
		t.Run(one.name, func(t *testing.T) {
			r := rigOf(t, one.handler)
			response, err := r.post(context.Background())
			if err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			expect(t, r.used(t), map[string]int64{"rpm": 1, "input": one.input, "output": one.output, "calls": 0, "reservations": 0})
		})
	}
}

func TestZippedAnswersAreSettled(t *testing.T) {
	r := rigOf(t, gzipped(wholeBody))
	request, err := http.NewRequest("POST", r.url, strings.NewReader(body))
	servers.Must(t, err)
	request.Header.Set("Accept-Encoding", "gzip") // so net/http leaves the answer as it is
	response, err := r.client.Do(request)
	servers.Must(t, err)
	data, err := io.ReadAll(response.Body)
	servers.Must(t, err)
	response.Body.Close()
	var plain bytes.Buffer
	zipped := gzip.NewWriter(&plain)
	_, _ = io.WriteString(zipped, wholeBody)
	_ = zipped.Close()
	if !bytes.Equal(data, plain.Bytes()) {
		t.Error("the bytes have changed")
	}
	expect(t, r.used(t), map[string]int64{"input": 30, "output": 77, "reservations": 0})
}

// An event reaches the caller before the provider sends the next one.
func TestStreamsAreNotBuffered(t *testing.T) {
	next := make(chan struct{})
	r := rigOf(t, func(w http.ResponseWriter, q *http.Request) {
		for _, part := range []string{messageStart, fortyBytes, messageDelta} {
			sendStream(part)(w, q)
			<-next
		}
	})
	response, err := r.post(context.Background())
	servers.Must(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for _, part := range []string{messageStart, fortyBytes, messageDelta} {
		var got strings.Builder
		for got.Len() < len(part) && lines.Scan() {
			got.WriteString(lines.Text() + "\n")
		}
		if got.String() != part {
			t.Errorf("%q", got.String())
		}
		expect(t, r.used(t), map[string]int64{"calls": 1})
		next <- struct{}{}
	}
	_, _ = io.Copy(io.Discard, response.Body)
	expect(t, r.used(t), map[string]int64{"calls": 0, "output": 77})
}

func TestAbandonedStreams(t *testing.T) {
	for name, abandon := range map[string]func(response *http.Response, cancel func()){
		"closed":                  func(response *http.Response, _ func()) { response.Body.Close() },
		"cancelled, never closed": func(_ *http.Response, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			r := rigOf(t, func(w http.ResponseWriter, q *http.Request) {
				sendStream(messageStart, fortyBytes)(w, q)
				<-q.Context().Done()
				close(ended)
			})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			response, err := r.post(ctx)
			servers.Must(t, err)
			_, err = io.ReadFull(response.Body, make([]byte, len(messageStart+fortyBytes)))
			servers.Must(t, err)
			abandon(response, cancel)
			<-ended // the provider sees it, too
			servers.Eventually(t, func() bool { return r.used(t)["reservations"] == 0 })
			expect(t, r.used(t), map[string]int64{"rpm": 1, "input": 30, "output": 10, "calls": 0})
		})
	}
}

func TestOutputIsReservedByWhatCallsUsed(t *testing.T) {
	var limiter *redisrl.Limiter
	var reserved atomic.Int64
	r := rigOf(t, func(w http.ResponseWriter, q *http.Request) {
		info, _, _ := limiter.Info(context.Background(), "llm")
		reserved.Store(info.Limits["output"].Used)
		sendJSON(200, wholeBody)(w, q)
	})
	limiter = r.limiter
	for i, expected := range []int64{500, 77 + 77, 2*77 + 77} { // the first has nothing to go by but max_tokens
		response, err := r.post(context.Background())
		servers.Must(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if reserved.Load() != expected {
			t.Errorf("call %d: %d, expected %d", i, reserved.Load(), expected)
		}
	}
}

// told is an answer whose headers say so of the limit rpm.
func told(status int, remaining, limit string, headers ...string) http.HandlerFunc {
	reset := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	headers = append(headers, "anthropic-ratelimit-requests-remaining", remaining, "anthropic-ratelimit-requests-reset", reset)
	if limit != "" {
		headers = append(headers, "anthropic-ratelimit-requests-limit", limit)
	}
	return sendJSON(status, wholeBody, headers...)
}

// elsewhere is how much of rpm is used elsewhere.
func (r rig) elsewhere(t *testing.T) int64 {
	t.Helper()
	info, _, err := r.limiter.Info(context.Background(), "llm")
	servers.Must(t, err)
	return info.Limits["rpm"].UsedElsewhere
}

// postAndRead makes a call, which is settled, and its headers synced, when it returns.
func (r rig) postAndRead(t *testing.T) {
	t.Helper()
	response, err := r.post(context.Background())
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

// The policy allows 100 of rpm, and one is used.
func TestHeadersAreSynced(t *testing.T) {
	for _, one := range []struct {
		name, remaining, limit string
		settings               []provider.Setting
		elsewhere              int64
	}{
		{"less the margin", "50", "", nil, 99 - (50 - 3)},
		{"less the caller's margin", "50", "", []provider.Setting{provider.Margin(0.1)}, 99 - (50 - 10)},
		{"less no margin", "50", "", []provider.Setting{provider.Margin(0)}, 99 - 50},
		{"a debt", "1", "", nil, 99 - (1 - 3)},
		{"a lower limit", "20", "20", nil, 99 - 19 /* 20 less 0.6 */},
	} {
		t.Run(one.name, func(t *testing.T) {
			r := rigOf(t, told(200, one.remaining, one.limit), one.settings...)
			servers.Must(t, r.limiter.Policies().Set(context.Background(), "llm", redisrl.Limits{{Name: "rpm", Limit: 100, Window: time.Hour}}))
			r.postAndRead(t)
			if found := r.elsewhere(t); found != one.elsewhere {
				t.Errorf("used elsewhere: %d, expected %d", found, one.elsewhere)
			}
		})
	}
}

// An answer to an earlier request that comes later says what is no longer so.
func TestOldHeadersAreIgnored(t *testing.T) {
	arrived, late := make(chan struct{}), make(chan struct{})
	var requests atomic.Int64
	r := rigOf(t, func(w http.ResponseWriter, q *http.Request) {
		if requests.Add(1) > 1 {
			told(200, "3", "")(w, q)
			return
		}
		close(arrived)
		<-late
		told(200, "9", "")(w, q)
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.postAndRead(t)
	}()
	<-arrived
	time.Sleep(20 * time.Millisecond) // ages are whole milliseconds
	r.postAndRead(t)
	known := r.elsewhere(t)
	close(late)
	<-ended
	if found := r.elsewhere(t); found != known || known != 8-2 {
		t.Error(known, found)
	}
}

func TestFailOpenSendsAnyway(t *testing.T) {
	server := servers.Redis(t)
	for mode, status := range map[redisrl.FailMode]int{redisrl.FailOpen: 200, redisrl.FailClosed: 0} {
		limiter := servers.Clients["rueidis-resp3"](t, server.Addr, redisrl.Fail(mode), redisrl.Timeout(timeout))
		servers.Must(t, limiter.Policies().Set(context.Background(), "llm", llm))
		answer := httptest.NewServer(sendJSON(200, wholeBody))
		t.Cleanup(answer.Close)
		client := &http.Client{Transport: provider.New(limiter, "llm")}
		t.Cleanup(func() { client.CloseIdleConnections() })
		server.Kill(t)
		begin := time.Now()
		response, err := client.Post(answer.URL+"/v1/messages", "application/json", strings.NewReader(body))
		if time.Since(begin) > 3*timeout+slack {
			t.Error("it took", time.Since(begin))
		}
		switch {
		case status == 0 && !errors.Is(err, redisrl.ErrUnavailable):
			t.Error(err)
		case status != 0 && (err != nil || response.StatusCode != status):
			t.Error(response, err)
		}
		server = servers.Redis(t)
	}
}

func TestLists(t *testing.T) {
	r := rigOf(t, sendJSON(200, "{}"))
	response, err := r.client.Get(r.url)
	servers.Must(t, err)
	response.Body.Close()
	if _, found, _ := r.limiter.Info(context.Background(), "llm"); found {
		t.Error("a request without a body is counted")
	}
}
