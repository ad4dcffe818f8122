// Package sdk tests the transport with the real SDKs of providers. It is a module of its own, because they take minutes to build.
package sdk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	claude "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	gpt "github.com/openai/openai-go/v3/option"
	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/provider"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
)

// sdkRig is a limiter, and a client of HTTP for an SDK whose calls it limits in the lab.
func sdkRig(t *testing.T, requests int64) (*redisrl.Limiter, *http.Client, servers.Lab) {
	lab := servers.LabOf(t, map[string]any{"seed": 3, "minute": servers.LabMinute, "models": map[string]any{"claude-sonnet": servers.Buckets(servers.Plenty, servers.Plenty, servers.Plenty)}})
	limiter := servers.Clients["go-redis-resp3"](t, servers.Redis(t).Addr)
	servers.Must(t, limiter.Policies().Set(context.Background(), "claude-sonnet", redisrl.Limits{
		{Name: "rpm", Limit: requests, Window: time.Hour}, {Name: "in", Limit: servers.Plenty, Window: time.Hour, Unit: "input"},
		{Name: "out", Limit: servers.Plenty, Window: time.Hour, Unit: "output"}, {Name: "calls", Limit: 5, Algorithm: redisrl.InFlight},
	}))
	return limiter, &http.Client{Transport: provider.New(limiter, "claude-sonnet", provider.Wait(100*time.Millisecond))}, lab
}

func used(t *testing.T, limiter *redisrl.Limiter) map[string]int64 {
	t.Helper()
	info, _, err := limiter.Info(context.Background(), "claude-sonnet")
	servers.Must(t, err)
	found := map[string]int64{"reservations": info.Reservations}
	for name, limit := range info.Limits {
		found[name] = limit.Used
	}
	return found
}

func TestAnthropicSDK(t *testing.T) {
	limiter, limited, lab := sdkRig(t, 3)
	client := anthropic.NewClient(claude.WithHTTPClient(limited), claude.WithBaseURL(lab.URL("/")), claude.WithAPIKey("none"), claude.WithMaxRetries(0))
	ask := func(job int) anthropic.MessageNewParams {
		return anthropic.MessageNewParams{
			Model: "claude-sonnet", MaxTokens: 1024,
			Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(fmt.Sprintf("job %d: hello", job)))},
		}
	}
	ctx := context.Background()
	message, err := client.Messages.New(ctx, ask(1))
	servers.Must(t, err)
	input, output := message.Usage.InputTokens, message.Usage.OutputTokens
	expect(t, used(t, limiter), map[string]int64{"rpm": 1, "in": input, "out": output, "calls": 0})

	stream := client.Messages.NewStreaming(ctx, ask(2))
	var streamed anthropic.Message
	for stream.Next() {
		servers.Must(t, streamed.Accumulate(stream.Current()))
	}
	servers.Must(t, stream.Err())
	servers.Must(t, stream.Close())
	input, output = input+streamed.Usage.InputTokens, output+streamed.Usage.OutputTokens
	expect(t, used(t, limiter), map[string]int64{"rpm": 2, "in": input, "out": output, "calls": 0})

	stream = client.Messages.NewStreaming(ctx, ask(3)) // abandoned after its first event
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	servers.Must(t, stream.Close())
	if found := used(t, limiter); found["calls"] != 0 || found["reservations"] != 0 || found["out"] > output+1 {
		t.Error(found)
	}
	if _, err := client.Messages.New(ctx, ask(4)); !errors.Is(err, redisrl.ErrDenied) {
		t.Error(err)
	}
}

func TestOpenAISDK(t *testing.T) {
	limiter, limited, lab := sdkRig(t, 3)
	client := openai.NewClient(gpt.WithHTTPClient(limited), gpt.WithBaseURL(lab.URL("/v1/")), gpt.WithAPIKey("none"), gpt.WithMaxRetries(0))
	ask := func(job int) openai.ChatCompletionNewParams {
		return openai.ChatCompletionNewParams{
			Model: "claude-sonnet", MaxCompletionTokens: openai.Int(1024),
			Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(fmt.Sprintf("job %d: hello", job))},
		}
	}
	ctx := context.Background()
	answer, err := client.Chat.Completions.New(ctx, ask(1))
	servers.Must(t, err)
	input, output := answer.Usage.PromptTokens, answer.Usage.CompletionTokens
	expect(t, used(t, limiter), map[string]int64{"rpm": 1, "in": input, "out": output, "calls": 0})

	stream := client.Chat.Completions.NewStreaming(ctx, ask(2))
	for stream.Next() {
		chunk := stream.Current()
		input, output = input+chunk.Usage.PromptTokens, output+chunk.Usage.CompletionTokens
	}
	servers.Must(t, stream.Err())
	servers.Must(t, stream.Close())
	expect(t, used(t, limiter), map[string]int64{"rpm": 2, "in": input, "out": output, "calls": 0})

	_, err = client.Chat.Completions.New(ctx, ask(3))
	servers.Must(t, err)
	if _, err := client.Chat.Completions.New(ctx, ask(4)); !errors.Is(err, redisrl.ErrDenied) {
		t.Error(err)
	}
}

func expect(t *testing.T, got, expected map[string]int64) {
	t.Helper()
	for name, n := range expected {
		if got[name] != n {
			t.Errorf("%s: %d, expected %d", name, got[name], n)
		}
	}
}
