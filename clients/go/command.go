package redisrl

import (
	"math"
	"strconv"
	"time"
)

// Windows that are no duration. They are for [Limiter.Window] and for limits with [FixedWindow].
const (
	// Week is a week that begins on Monday at 00:00 UTC. 7*24*time.Hour begins on Thursday.
	Week time.Duration = math.MaxInt64 - 1
	// Month is a calendar month in UTC.
	Month time.Duration = math.MaxInt64
)

// Never is the RetryAfter of a request that can never be admitted, because its cost is above the limit.
const Never time.Duration = -1

// webCall is a command as rl-coordinator takes it.
type webCall struct {
	method, path string
	body         map[string]any
}

// builder writes a command in both forms: as words, and as the fields of a body.
type builder struct{ *Command }

// newCommand begins a command. path is that of rl-coordinator; "" if it lacks the command.
func (l *Limiter) newCommand(path, name string, keys ...string) builder {
	command := &Command{Words: make([]string, 1, 16), Keys: keys}
	command.Words[0] = name
	if l.web {
		command.web = &webCall{method: "POST", path: path, body: map[string]any{}}
	}
	b := builder{command}
	if len(keys) == 1 {
		b.words(keys[0]).field("key", keys[0])
	}
	return b
}

func (b builder) words(words ...string) builder {
	b.Words = append(b.Words, words...)
	return b
}

func (b builder) field(name string, value any) builder {
	if b.web != nil {
		b.web.body[name] = value
	}
	return b
}

// number adds a word, and a field if it has a name.
func (b builder) number(field string, n int64) builder {
	return b.words(strconv.FormatInt(n, 10)).field(field, n)
}

func (b builder) duration(field string, d time.Duration) builder {
	return b.words(durationWord(d)).field(field, durationField(d))
}

// durationField writes a duration for a body, in which 0 is a number.
func durationField(d time.Duration) any {
	if d == 0 {
		return 0
	}
	return durationWord(d)
}

// durationWord writes a duration as the commands read it. A fraction of a millisecond is rounded away from zero.
func durationWord(d time.Duration) string {
	switch d {
	case Week:
		return "1w"
	case Month:
		return "1mo"
	case 0:
		return "0"
	}
	ms := d / time.Millisecond
	switch rest := d % time.Millisecond; {
	case rest > 0:
		ms++
	case rest < 0:
		ms--
	}
	return strconv.FormatInt(int64(ms), 10) + "ms"
}

// milliseconds reads a duration of a reply.
func milliseconds(ms int64) time.Duration {
	switch {
	case ms < 0:
		return Never
	case ms > math.MaxInt64/int64(time.Millisecond):
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}
