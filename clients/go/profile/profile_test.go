package profile

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The fixtures are the same in all languages: crates/profiles/README.md describes them.
func TestFixtures(t *testing.T) {
	for _, name := range Names() {
		var cases []struct {
			Name    string
			NowMs   int64 `json:"now_ms"`
			Headers map[string]string
			Limits  []struct {
				Names     []string
				Remaining int64
				ResetMs   *int64 `json:"reset_ms"`
			}
			HoldMs *int64 `json:"hold_ms"`
		}
		data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &cases); err != nil || len(cases) == 0 {
			t.Fatalf("%s: %v, %d cases", name, err, len(cases))
		}
		for _, one := range cases {
			t.Run(name+"/"+one.Name, func(t *testing.T) {
				headers := http.Header{}
				for field, value := range one.Headers {
					headers.Set(field, value)
				}
				var expected Told
				for _, limit := range one.Limits {
					expected.Limits = append(expected.Limits, Left{Names: limit.Names, Remaining: limit.Remaining, Reset: ms(limit.ResetMs)})
				}
				expected.Hold = ms(one.HoldMs)
				told := Named(name).Read(headers, time.UnixMilli(one.NowMs))
				for i := range told.Limits {
					told.Limits[i].Of = 0 // the fixtures do not say it
				}
				if !reflect.DeepEqual(told, expected) {
					t.Errorf("read %+v, expected %+v", told, expected)
				}
			})
		}
	}
}

func ms(n *int64) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Millisecond
}

func TestTheWholeLimitIsRead(t *testing.T) {
	for text, of := range map[string]int64{"60": 60, "many": 0, "": 0} {
		headers := http.Header{"X-Ratelimit-Limit-Requests": {text}, "X-Ratelimit-Remaining-Requests": {"4"}}
		told := Named("openai").Read(headers, time.Time{})
		if len(told.Limits) != 1 || told.Limits[0].Of != of {
			t.Errorf("%q: %+v", text, told)
		}
	}
}

func TestChargingIsKnown(t *testing.T) {
	for _, name := range Names() {
		if _, known := charging[Named(name).Output.Charged]; !known {
			t.Errorf("%s charges output as %q", name, Named(name).Output.Charged)
		}
	}
}

func TestUsageOfBodies(t *testing.T) {
	for _, one := range []struct {
		profile, body string
		used          Used
	}{
		{"anthropic", `{"usage": {"input_tokens": 7, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 90, "output_tokens": 5}}`,
			Used{"input-tokens": 9, "output-tokens": 5}},
		{"openai", `{"usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}`,
			Used{"input-tokens": 7, "output-tokens": 5, "tokens": 12}},
		{"openai", `{"usage": {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}}`,
			Used{"input-tokens": 7, "output-tokens": 5, "tokens": 12}},
		{"groq", `{"usage": {"prompt_tokens": 70, "completion_tokens": 5, "total_tokens": 75, "prompt_tokens_details": {"cached_tokens": 60}}}`,
			Used{"input-tokens": 10, "output-tokens": 5, "tokens": 15}},
		{"gemini", `{"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 5, "totalTokenCount": 12}}`,
			Used{"input-tokens": 3, "output-tokens": 9, "tokens": 12}},
		{"bedrock", `{"usage": {"inputTokens": 3, "cacheReadInputTokens": 50, "cacheWriteInputTokens": 1, "outputTokens": 4}}`,
			Used{"input-tokens": 4, "output-tokens": 4}},
		{"openai", `{"usage": {"prompt_tokens": "7", "completion_tokens": -1, "total_tokens": 1e300}}`, Used{"tokens": countMax}},
		{"openai", `{"usage": [1]}`, Used{}},
		{"openai", `{`, Used{}},
	} {
		profile := Named(one.profile)
		if used := profile.Usage.ReadBody([]byte(one.body)); !reflect.DeepEqual(used, one.used) {
			t.Errorf("%s, %s: %v, expected %v", one.profile, one.body, used, one.used)
		}
	}
}

func TestUsageOfHeaders(t *testing.T) {
	headers := http.Header{}
	headers.Set("X-Amzn-Bedrock-Input-Token-Count", "12")
	if used := Named("bedrock").Usage.ReadHeaders(headers); !reflect.DeepEqual(used, Used{"input-tokens": 12}) {
		t.Error(used)
	}
}

func TestRetryInBody(t *testing.T) {
	const body = `{"error": {"details": [{"@type": "other"}, {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}]}}`
	if hold := Named("gemini").ReadRefusal([]byte(body), time.Now()); hold != 17500*time.Millisecond {
		t.Error(hold)
	}
	for _, body := range []string{"", "[]", `{"error": {"details": 1}}`, strings.Replace(body, "17.5s", "x", 1)} {
		if hold := Named("gemini").ReadRefusal([]byte(body), time.Now()); hold != 0 {
			t.Error(body, hold)
		}
	}
}

func FuzzStructured(f *testing.F) {
	f.Add(`"rpm";r=999;t=60, tpm;r=79500;t=60`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, left := range structured(text) {
			if left.Remaining < 0 || left.Reset < 0 || left.Names[0] == "" {
				t.Error(left)
			}
		}
	})
}

func ExampleProfile_Read() {
	headers := http.Header{}
	headers.Set("x-ratelimit-remaining-requests", "59")
	headers.Set("x-ratelimit-reset-requests", "6m0s")
	headers.Set("retry-after", "2")
	told := Named("openai").Read(headers, time.Now())
	fmt.Println(told.Limits[0].Remaining, told.Limits[0].Reset.String(), told.Hold.String())
	// Output: 59 6m0s 2s
}
