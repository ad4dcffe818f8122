package redisrl

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// answerMax bounds the bytes of an answer of rl-coordinator that are read.
const answerMax = 1 << 20

// HTTP asks rl-coordinator.
type HTTP struct {
	// URL is its address, such as http://localhost:8765.
	URL string
	// Token is sent as a bearer token if it is not empty.
	Token string
	// Client sends the requests; nil: http.DefaultClient. Its Timeout should be 0: the Limiter bounds each call.
	Client *http.Client
}

type httpConn struct {
	HTTP
	base string
}

// NewHTTP returns a Limiter that asks rl-coordinator over HTTP. There is no Redis then, or rl-coordinator is in front of it.
func NewHTTP(to HTTP, settings ...Setting) *Limiter {
	if to.Client == nil {
		to.Client = http.DefaultClient
	}
	return New(&httpConn{to, strings.TrimSuffix(to.URL, "/")}, settings...)
}

func (c *httpConn) Do(ctx context.Context, command *Command) (any, error) {
	call := command.web
	if call == nil || call.path == "" {
		return nil, &Error{Kind: ErrUnsupported}
	}
	var body io.Reader
	if call.method == http.MethodPost || call.method == http.MethodPut {
		data, err := json.Marshal(call.body)
		if err != nil {
			return nil, &Error{Kind: ErrInvalid, Err: err}
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, call.method, c.base+call.path, body)
	if err != nil {
		return nil, &Error{Kind: ErrInvalid, Err: err}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	response, err := c.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return nil, err
	}
	return webReply(response.StatusCode, data)
}
