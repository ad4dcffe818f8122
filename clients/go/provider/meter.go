package provider

import (
	"context"
	"io"
	"mime"
	"net/http"
	"sync"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/profile"
)

// meter reads what an answer says about its usage, while the bytes of the answer pass.
type meter interface {
	io.Writer
	// end returns what the answer says that was used. passed is the output that had passed, by an estimate; -1 if it is no stream.
	end() (used profile.Used, passed int64)
}

// usage is what an answer used, as far as it was read.
type usage struct {
	used    profile.Used
	passed  int64 // output of a stream by an estimate; -1 if the answer is no stream
	isWhole bool  // whether it was read to its end
}

// meter returns the response with a body that settles the reservation when it has been read or closed.
func (c *call) meter(ctx context.Context, response *http.Response, reservation *redisrl.Reservation, synced <-chan struct{}) *http.Response {
	body := &meteredBody{ReadCloser: response.Body, meter: c.newMeter(response)}
	body.settle = func(used usage) {
		<-synced
		c.settle(context.WithoutCancel(ctx), response, reservation, used)
	}
	// A body that the caller neither reads to its end nor closes must not keep the reservation open for ever.
	body.mu.Lock()
	defer body.mu.Unlock()
	body.stop = context.AfterFunc(ctx, func() { body.finish(false) })
	response.Body = body
	return response
}

func (c *call) newMeter(response *http.Response) meter {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	var made meter = &jsonMeter{usage: &c.profile.Usage}
	if kind == "text/event-stream" {
		made = &streamMeter{usage: &c.profile.Usage, used: profile.Used{}}
	}
	if response.Header.Get("Content-Encoding") == "gzip" {
		return newUnzipped(made)
	}
	return made
}

// settle reports what a call used, as the provider counts it.
func (c *call) settle(ctx context.Context, response *http.Response, reservation *redisrl.Reservation, seen usage) {
	used := seen.used
	switch {
	case response.StatusCode >= http.StatusInternalServerError:
		used = profile.Used{} // it is not known what the provider counted
	case response.StatusCode >= http.StatusBadRequest:
		used = profile.Used{"input-tokens": 0, "output-tokens": 0, "tokens": 0} // nothing but the request
	default:
		for limit, n := range c.profile.Usage.ReadHeaders(response.Header) {
			used[limit] = n
		}
		if output, said := used["output-tokens"]; said {
			c.outputs.add(c.key, output)
		} else if seen.passed >= 0 && !seen.isWhole {
			input, said := used["input-tokens"]
			if !said {
				input = c.input
			}
			used["output-tokens"], used["tokens"] = seen.passed, input+seen.passed
		}
		if charging := c.profile.Charging(); charging == profile.Reserved || charging == profile.ReservedOrInput {
			delete(used, "tokens") // they stay as they were when the request came
		}
	}
	_ = reservation.Settle(ctx, c.costs(used)...) // if the server is gone, the estimate stays charged
}

// meteredBody passes a body on, untouched and unbuffered.
type meteredBody struct {
	io.ReadCloser
	settle func(usage)
	stop   func() bool

	mu      sync.Mutex
	meter   meter
	settled bool
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	if !b.settled {
		_, _ = b.meter.Write(p[:n])
	}
	b.mu.Unlock()
	if err != nil {
		b.finish(err == io.EOF)
	}
	return n, err
}

func (b *meteredBody) Close() error {
	err := b.ReadCloser.Close()
	b.finish(false)
	return err
}

// finish settles once. A stream that ends before it says its output is settled at what had passed.
func (b *meteredBody) finish(isWhole bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.settled {
		return
	}
	b.settled = true
	b.stop()
	used, passed := b.meter.end()
	b.settle(usage{used, passed, isWhole})
}
