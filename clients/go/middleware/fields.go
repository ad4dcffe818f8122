package middleware

import (
	"strconv"
	"strings"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
)

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// fieldMax is the largest integer of a structured field (RFC 9651).
const fieldMax = 999_999_999_999_999

// limitField writes what remains of each limit, and in how many seconds all of it is available again:
//
//	RateLimit: "rpm";r=999;t=60
func limitField(decided *redisrl.QuotaDecision) string {
	var items []string
	for _, name := range decided.Names {
		limit := decided.Limits[name]
		items = append(items, quoted(name)+";r="+number(limit.Remaining)+";t="+number(wholeSeconds(limit.ResetAfter)))
	}
	return strings.Join(items, ", ")
}

// policyField writes the limits, with their windows in seconds:
//
//	RateLimit-Policy: "rpm";q=1000;w=60
//
// A shadow denies nobody, so that clients need not keep it.
func policyField(limits redisrl.Limits) string {
	var items []string
	for _, limit := range limits {
		if limit.Shadow {
			continue
		}
		item := quoted(limit.Name) + ";q=" + number(limit.Limit)
		switch {
		case limit.Algorithm == redisrl.InFlight:
			item += `;qu="concurrent-requests"`
		case limit.Unit != "" && limit.Unit != "requests":
			item += ";qu=" + quoted(limit.Unit)
		}
		switch {
		case limit.Algorithm == redisrl.InFlight || limit.Window == redisrl.Month: // a month has no fixed length
		case limit.Window == redisrl.Week:
			item += ";w=604800"
		default:
			item += ";w=" + number(wholeSeconds(limit.Window))
		}
		items = append(items, item)
	}
	return strings.Join(items, ", ")
}

func number(n int64) string { return strconv.FormatInt(min(n, fieldMax), 10) }

// quoted writes a name as a string. Names that the server takes need no escape.
func quoted(name string) string { return `"` + name + `"` }
