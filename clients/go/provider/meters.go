package provider

import (
	"compress/gzip"
	"encoding/json"
	"io"

	"github.com/redis-rl/redis-rl/clients/go/profile"
)

// answerMax bounds the bytes of an answer, or of one event, that are kept to read its usage. Of a longer one the estimate stays.
const answerMax = 16 << 20

// jsonMeter reads a body of JSON.
type jsonMeter struct {
	usage *profile.Usage
	body  []byte
}

func (m *jsonMeter) Write(p []byte) (int, error) {
	if len(m.body)+len(p) <= answerMax {
		m.body = append(m.body, p...)
	}
	return len(p), nil
}

func (m *jsonMeter) end() (profile.Used, int64) { return m.usage.ReadBody(m.body), -1 }

// streamMeter reads a stream of server-sent events.
type streamMeter struct {
	usage  *profile.Usage
	events events
	used   profile.Used
	passed int // bytes of text
}

func (m *streamMeter) Write(p []byte) (int, error) {
	m.events.add(p, func(name string, data []byte) {
		var document any
		if json.Unmarshal(data, &document) == nil {
			m.usage.ReadEvent(name, document, m.used)
			m.passed += textLength(document)
		}
	})
	return len(p), nil
}

func (m *streamMeter) end() (profile.Used, int64) { return m.used, int64(m.passed+3) / 4 }

// texts are the fields of events that have text which the model produced.
var texts = map[string]bool{
	"text": true, "content": true, "thinking": true, "partial_json": true, "arguments": true, "reasoning_content": true, "delta": true,
}

// textLength returns the bytes of text in an event.
func textLength(document any) int {
	total := 0
	switch document := document.(type) {
	case map[string]any:
		for name, value := range document {
			if text, isText := value.(string); isText {
				if texts[name] {
					total += len(text)
				}
				continue
			}
			total += textLength(value)
		}
	case []any:
		for _, item := range document {
			total += textLength(item)
		}
	}
	return total
}

// unzipped unzips a copy of what passes, for another meter.
type unzipped struct {
	meter
	zipped *io.PipeWriter
	done   chan struct{}
}

func newUnzipped(to meter) *unzipped {
	reader, writer := io.Pipe()
	u := &unzipped{to, writer, make(chan struct{})}
	go func() {
		defer close(u.done)
		if plain, err := gzip.NewReader(reader); err == nil {
			_, _ = io.Copy(to, plain)
		}
		_, _ = io.Copy(io.Discard, reader) // what is no gzip must not stop the answer
	}()
	return u
}

func (u *unzipped) Write(p []byte) (int, error) { return u.zipped.Write(p) }

func (u *unzipped) end() (profile.Used, int64) {
	_ = u.zipped.Close()
	<-u.done
	return u.meter.end()
}
