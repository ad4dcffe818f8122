package provider

import "bytes"

// events reads server-sent events as the WHATWG's standard describes them: lines end with LF, CR LF or CR, and an empty line
// ends an event.
type events struct {
	line      []byte
	afterCR   bool
	begun     bool
	name      string
	data      []byte
	isTooLong bool
}

// add reads more bytes, and calls each for every event with data that they end.
func (e *events) add(p []byte, each func(name string, data []byte)) {
	if e.afterCR && len(p) > 0 {
		e.afterCR = false
		p = bytes.TrimPrefix(p, []byte("\n"))
	}
	for len(p) > 0 {
		end := bytes.IndexAny(p, "\r\n")
		if end < 0 {
			e.keep(p)
			return
		}
		e.keep(p[:end])
		rest := p[end+1:]
		if p[end] == '\r' {
			e.afterCR = len(rest) == 0
			rest = bytes.TrimPrefix(rest, []byte("\n"))
		}
		p = rest
		e.endLine(each)
	}
}

func (e *events) keep(p []byte) {
	if len(e.line)+len(e.data)+len(p) > answerMax {
		e.isTooLong = true
		return
	}
	e.line = append(e.line, p...)
}

func (e *events) endLine(each func(name string, data []byte)) {
	line := e.line
	e.line = e.line[:0]
	if !e.begun {
		e.begun = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	if len(line) == 0 {
		if len(e.data) > 0 && !e.isTooLong {
			each(e.name, e.data)
		}
		e.name, e.data, e.isTooLong = "", e.data[:0], false
		return
	}
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		e.name = string(value)
	case "data":
		if len(e.data) > 0 {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, value...)
	}
}
