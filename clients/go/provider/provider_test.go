package provider

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/profile"
)

const stream = "\ufeffevent: message_start\r\n" +
	`data: {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 7, "cache_creation_input_tokens": 2, "output_tokens": 1}}}` + "\r\n\r\n" +
	": a comment\n\n" +
	"event: content_block_delta\rdata: {\"type\": \"content_block_delta\",\rdata:  \"delta\": {\"type\": \"text_delta\", \"text\": \"12345678\"}}\r\r" +
	"event: message_delta\ndata: {\"usage\": {\"output_tokens\": 3}}\n\n" +
	"event: message_delta\ndata: {\"usage\": {\"output_tokens\": 5}}\n\n" +
	"data: [DONE]\n\n"

func TestStreamIsReadHoweverItIsCut(t *testing.T) {
	for size := range len(stream) {
		m := &streamMeter{usage: &profile.Named("anthropic").Usage, used: profile.Used{}}
		for rest := []byte(stream); len(rest) > 0; {
			n := min(size+1, len(rest))
			_, _ = m.Write(rest[:n])
			rest = rest[n:]
		}
		used, passed := m.end()
		if !reflect.DeepEqual(used, profile.Used{"input-tokens": 9, "output-tokens": 5}) || passed != 2 {
			t.Fatal(size+1, used, passed)
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(stream), 3)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		var whole, cut []string
		(&events{}).add(text, func(name string, data []byte) { whole = append(whole, name+"\n"+string(data)) })
		var e events
		for rest := text; len(rest) > 0; {
			n := min(max(size, 1), len(rest))
			e.add(rest[:n], func(name string, data []byte) { cut = append(cut, name+"\n"+string(data)) })
			rest = rest[n:]
		}
		if !reflect.DeepEqual(whole, cut) {
			t.Errorf("%q, %q", whole, cut)
		}
	})
}

func TestOutputIsEstimatedByTheKeysOwn(t *testing.T) {
	var o outputs
	if n := o.estimate("k", 4096); n != 4096 {
		t.Error("without a call", n)
	}
	if n := o.estimate("k", 0); n != unknownOutput {
		t.Error("without a call or a bound", n)
	}
	for _, n := range rand.Perm(100) {
		o.add("k", int64(n+1))
	}
	if n := o.estimate("k", 4096); n != 99 {
		t.Error("the 99th percentile of 1 to 100 is", n)
	}
	if n := o.estimate("k", 50); n != 50 {
		t.Error("more than the most", n)
	}
	for range samples {
		o.add("k", 7)
	}
	if n := o.estimate("k", 4096); n != 7 {
		t.Error("old calls count", n)
	}
}

func TestReadRequests(t *testing.T) {
	for _, one := range []struct {
		url, body string
		asked     asked
		profile   string
	}{
		{"https://api.anthropic.com/v1/messages", `{"model": "claude", "max_tokens": 9}`, asked{"claude", 9}, "anthropic"},
		{"http://localhost/v1/messages", `{"model": "claude"}`, asked{"claude", 0}, "anthropic"},
		{"https://api.openai.com/v1/chat/completions", `{"model": "gpt", "max_completion_tokens": 8}`, asked{"gpt", 8}, "openai"},
		{"https://api.openai.com/v1/responses", `{"model": "gpt", "max_output_tokens": 8}`, asked{"gpt", 8}, "openai"},
		{"https://x.openai.azure.com/openai/deployments/gpt/chat/completions?a=b", `{"max_tokens": 8}`, asked{"gpt", 8}, "azure"},
		{"https://generativelanguage.googleapis.com/v1beta/models/gemini-pro:generateContent", `{"generationConfig": {"maxOutputTokens": 5}}`, asked{"gemini-pro", 5}, "gemini"},
		{"https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v1:0/converse", `{"inferenceConfig": {"maxTokens": 5}}`, asked{"anthropic.claude-v1:0", 5}, "bedrock"},
		{"http://localhost/other", `not JSON`, asked{"", 0}, "ratelimit"},
		{"http://localhost/other", `{"model": 7, "max_tokens": "x"}`, asked{"", 0}, "ratelimit"},
		{"http://localhost/other", `{"max_tokens": -5}`, asked{"", 0}, "ratelimit"},
	} {
		request, err := http.NewRequest("POST", one.url, strings.NewReader(one.body))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(request, []byte(one.body)); got != one.asked {
			t.Errorf("%s %s: %+v", one.url, one.body, got)
		}
		if got := profileOf(request); got != profile.Named(one.profile) {
			t.Errorf("%s: another profile", one.url)
		}
	}
}

func TestAMarginIsLeftToTheProvider(t *testing.T) {
	known := policyOf(redisrl.Limits{
		{Name: "rpm", Limit: 1000}, {Name: "input", Limit: 1000, Algorithm: redisrl.TokenBucket, Capacity: 500},
		{Name: "output", Limit: 1000, Algorithm: redisrl.TokenBucket, Capacity: 100}, {Name: "calls", Limit: 5, Algorithm: redisrl.InFlight},
	})
	decided := map[string]redisrl.Decision{"rpm": {Limit: 1000}, "input": {Limit: 500}, "output": {Limit: 100}, "calls": {Limit: 5}, "own": {Limit: 200}}
	of := func(remaining, limit int64, names ...string) profile.Left {
		return profile.Left{Names: names, Remaining: remaining, Of: limit}
	}
	for _, one := range []struct {
		name   string
		margin float64
		told   profile.Left
		left   []redisrl.Left
	}{
		{"a window", -1, of(500, 0, "requests", "rpm"), []redisrl.Left{{Limit: "rpm", Remaining: 470}}},
		{"a bucket", -1, of(500, 0, "input"), []redisrl.Left{{Limit: "input", Remaining: 450}}},
		{"a small bucket", -1, of(100, 0, "output"), []redisrl.Left{{Limit: "output", Remaining: 75}}},
		{"of the caller", 0.1, of(500, 0, "input"), []redisrl.Left{{Limit: "input", Remaining: 400}}},
		{"none", 0, of(500, 0, "rpm"), []redisrl.Left{{Limit: "rpm", Remaining: 500}}},
		{"a debt", -1, of(20, 0, "rpm"), []redisrl.Left{{Limit: "rpm", Remaining: -10}}},
		{"of the provider's limit", -1, of(1, 50, "rpm"), []redisrl.Left{{Limit: "rpm", Remaining: -1, Of: 50}}},
		{"of a limit that the policy does not say", -1, of(20, 0, "own"), []redisrl.Left{{Limit: "own", Remaining: 14}}},
		{"calls in flight", -1, of(1, 0, "calls"), nil},
		{"no limit", -1, of(1, 0, "other"), nil},
	} {
		c := &call{known: known, margin: one.margin}
		if left := c.left(decided, []profile.Left{one.told}); !reflect.DeepEqual(left, one.left) {
			t.Errorf("%s: %+v, expected %+v", one.name, left, one.left)
		}
	}
}

func TestLongEventsAreLeftOut(t *testing.T) {
	var e events
	var got []string
	each := func(_ string, data []byte) { got = append(got, fmt.Sprint(len(data))) }
	e.add([]byte("data: "), each)
	for range answerMax >> 20 {
		e.add(bytes.Repeat([]byte("x"), 1<<20), each)
	}
	e.add([]byte("\n\ndata: 12\n\n"), each)
	if !reflect.DeepEqual(got, []string{"2"}) {
		t.Error(got)
	}
}
