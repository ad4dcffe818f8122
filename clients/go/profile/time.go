package profile

import (
	"math/big"
	"net/http"
	"strings"
	"time"
)

// timeMax is the longest time, as in the commands.
const timeMax = 3650 * 24 * time.Hour

// form is how a time is written.
type form string

const (
	rfc3339       form = "rfc3339"
	goDuration    form = "go-duration"
	seconds       form = "seconds"
	milliseconds  form = "milliseconds"
	unix          form = "unix"
	secondsOrDate form = "seconds-or-date"
)

// duration reads a time, rounded up to ms; 0 if it is none of this form or not in the future.
func (f form) duration(text string, now time.Time) time.Duration {
	var nanos *big.Int
	switch f {
	case rfc3339:
		nanos = until(instant(text), now)
	case goDuration:
		nanos = ofGo(text)
	case seconds:
		nanos = decimal(text, time.Second)
	case milliseconds:
		nanos = decimal(text, time.Millisecond)
	case unix:
		nanos = ofUnix(text, now)
	case secondsOrDate:
		if nanos = decimal(text, time.Second); nanos == nil {
			if date, err := http.ParseTime(text); err == nil {
				nanos = until(date, now)
			}
		}
	}
	if nanos == nil || nanos.Sign() <= 0 {
		return 0
	}
	if nanos.Cmp(big.NewInt(int64(timeMax))) > 0 {
		return timeMax
	}
	d := time.Duration(nanos.Int64())
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

func until(instant, now time.Time) *big.Int {
	if instant.IsZero() {
		return nil
	}
	ms := instant.Truncate(time.Millisecond)
	if ms.Before(instant) {
		ms = ms.Add(time.Millisecond)
	}
	return new(big.Int).Mul(big.NewInt(ms.UnixMilli()-now.UnixMilli()), big.NewInt(int64(time.Millisecond)))
}

func instant(text string) time.Time {
	if len(text) > 10 && (text[10] == ' ' || text[10] == 't') {
		text = text[:10] + "T" + text[11:]
	}
	at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, "z", "Z", 1))
	if err != nil {
		return time.Time{}
	}
	return at
}

// decimal reads a number without a sign, in this unit. Decimals beyond the ninth are dropped.
func decimal(text string, unit time.Duration) *big.Int {
	whole, decimals, dotted := strings.Cut(text, ".")
	if whole == "" || dotted && decimals == "" || strings.Trim(whole+decimals, "0123456789") != "" {
		return nil
	}
	decimals = (decimals + "000000000")[:9]
	n, ok := new(big.Int).SetString(whole+decimals, 10)
	if !ok {
		return nil
	}
	n.Mul(n, big.NewInt(int64(unit)))
	return n.Quo(n, big.NewInt(1_000_000_000))
}

// ofGo reads numbers with units, as Go writes durations: 1h2m3.5s. A day is 24 hours.
func ofGo(text string) *big.Int {
	units := []struct {
		name string
		unit time.Duration
	}{
		{"ms", time.Millisecond}, {"us", time.Microsecond}, {"µs", time.Microsecond}, {"ns", time.Nanosecond},
		{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"d", 24 * time.Hour},
	}
	total := new(big.Int)
	for text != "" {
		number := strings.TrimLeft(text, "0123456789.")
		number, text = text[:len(text)-len(number)], number
		var part *big.Int
		for _, one := range units {
			if rest, found := strings.CutPrefix(text, one.name); found {
				part, text = decimal(number, one.unit), rest
				break
			}
		}
		if part == nil {
			return nil
		}
		total.Add(total, part)
	}
	return total
}

// ofUnix reads seconds since 1970, or ms from 100,000,000,000 on: in seconds that would be the year 5138.
func ofUnix(text string, now time.Time) *big.Int {
	whole, _, _ := strings.Cut(text, ".")
	n, ok := count(whole)
	if !ok {
		return nil
	}
	if n >= 100_000_000_000 {
		return until(time.UnixMilli(n), now)
	}
	return until(time.Unix(n, 0), now)
}
