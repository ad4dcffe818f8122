package profile

import (
	"strings"
	"time"
)

// limitsMax is the most limits that are read from one header.
const limitsMax = 64

// structured reads the header field RateLimit of draft-ietf-httpapi-ratelimit-headers, a list of structured items (RFC 9651):
//
//	"rpm";r=999;t=60, "tpm";r=79500;t=60
//
// An item without r is left out, and so is all that follows something that is no list.
func structured(text string) []Left {
	var limits []Left
	for len(limits) < limitsMax {
		left, isLimit, rest, ok := item(strings.TrimLeft(text, " \t"))
		if !ok {
			break
		}
		if isLimit {
			limits = append(limits, left)
		}
		if text, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t"), ","); !ok {
			break
		}
	}
	return limits
}

// item reads an item, which may be no limit, and returns what follows it.
func item(text string) (left Left, isLimit bool, rest string, ok bool) {
	var name string
	if quoted, isQuoted := strings.CutPrefix(text, `"`); isQuoted {
		if name, rest, ok = quotedString(quoted); !ok {
			return Left{}, false, "", false
		}
	} else {
		name, rest = token(text)
	}
	left.Names = []string{name}
	for {
		after, more := strings.CutPrefix(strings.TrimLeft(rest, " \t"), ";")
		if !more {
			return left, isLimit && name != "", rest, true
		}
		var key, value string
		if key, value, rest, ok = parameter(strings.TrimLeft(after, " \t")); !ok {
			return Left{}, false, "", false
		}
		switch key {
		case "r":
			left.Remaining, isLimit = count(value)
		case "t":
			left.Reset = seconds.duration(value, time.Time{})
		}
	}
}

// parameter reads a key and its value as it is written; that of a string is left out.
func parameter(text string) (key, value, rest string, ok bool) {
	end := strings.IndexAny(text, "=;, ")
	if end < 0 {
		return text, "", "", true
	}
	key, rest = text[:end], text[end:]
	if rest, ok = strings.CutPrefix(rest, "="); !ok {
		return key, "", rest, true
	}
	if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
		_, rest, ok = quotedString(quoted)
		return key, "", rest, ok
	}
	value, rest = token(rest)
	return key, value, rest, true
}

func token(text string) (token, rest string) {
	if end := strings.IndexAny(text, ";, "); end >= 0 {
		return text[:end], text[end:]
	}
	return text, ""
}

// quotedString reads a string after its opening quote.
func quotedString(text string) (contents, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) || text[i] != '"' && text[i] != '\\' {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}
