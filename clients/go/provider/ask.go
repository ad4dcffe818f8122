package provider

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/redis-rl/redis-rl/clients/go/profile"
)

// asked is what a request asks for.
type asked struct {
	model      string
	mostOutput int64 // 0 if it does not say
}

// read reads the body of a request. What it does not understand is left out.
func read(request *http.Request, body []byte) asked {
	var fields struct {
		Model         string  `json:"model"`
		MaxTokens     float64 `json:"max_tokens"`
		MaxCompletion float64 `json:"max_completion_tokens"`
		MaxOutput     float64 `json:"max_output_tokens"`
		Inference     struct {
			MaxTokens float64 `json:"maxTokens"`
		} `json:"inferenceConfig"` // Bedrock
		Generation struct {
			MaxOutput float64 `json:"maxOutputTokens"`
		} `json:"generationConfig"` // Gemini
	}
	_ = json.Unmarshal(body, &fields)
	most := max(fields.MaxTokens, fields.MaxCompletion, fields.MaxOutput, fields.Inference.MaxTokens, fields.Generation.MaxOutput, 0)
	found := asked{fields.Model, int64(min(most, 1<<40))}
	if found.model == "" {
		found.model = modelOfPath(request.URL.Path)
	}
	return found
}

// modelOfPath finds the model in a path such as /v1beta/models/gemini-pro:generateContent or /model/NAME/converse.
func modelOfPath(path string) string {
	for _, before := range []string{"/models/", "/model/", "/deployments/"} {
		if _, after, found := strings.Cut(path, before); found {
			name, _, _ := strings.Cut(after, "/")
			name, _, _ = strings.Cut(name, ":generate")
			name, _, _ = strings.Cut(name, ":streamGenerate")
			return name
		}
	}
	return ""
}

// hosts are parts of host names of providers, and their profiles.
var hosts = []struct{ part, profile string }{
	{"anthropic.com", "anthropic"}, {"azure.com", "azure"}, {"openai.com", "openai"}, {"groq.com", "groq"},
	{"mistral.ai", "mistral"}, {"googleapis.com", "gemini"}, {"openrouter.ai", "openrouter"}, {"bedrock", "bedrock"},
}

// paths are ends of paths of the APIs that others offer as well.
var paths = []struct{ end, profile string }{
	{"/messages", "anthropic"}, {"/completions", "openai"}, {"/responses", "openai"}, {"/embeddings", "openai"},
	{"/converse", "bedrock"}, {"/converse-stream", "bedrock"}, {"enerateContent", "gemini"},
}

// profileOf guesses the profile of a request.
func profileOf(request *http.Request) *profile.Profile {
	for _, host := range hosts {
		if strings.Contains(request.URL.Host, host.part) {
			return profile.Named(host.profile)
		}
	}
	for _, path := range paths {
		if strings.HasSuffix(request.URL.Path, path.end) {
			return profile.Named(path.profile)
		}
	}
	return profile.Named("ratelimit")
}
