package provider

import (
	"slices"
	"sync"
)

const (
	// samples is how many calls of a key are remembered.
	samples = 256
	// unknownOutput is reserved if neither the request nor earlier calls say how much output to expect.
	unknownOutput = 1024
)

// outputs remembers how much output the calls of each key had. Reserving the most that a request may produce would leave most of
// a limit unused, so the 99th percentile of what was produced is reserved.
type outputs struct {
	mu  sync.Mutex
	all map[string]*ring
}

type ring struct {
	produced []int64
	next     int
	p99      int64
}

// estimate returns the output to reserve for a call that may produce most; 0 if that is not known.
func (o *outputs) estimate(key string, most int64) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	known := o.all[key]
	switch {
	case known == nil && most > 0:
		return most
	case known == nil:
		return unknownOutput
	case most > 0:
		return min(known.p99, most)
	}
	return known.p99
}

// add remembers what a call produced.
func (o *outputs) add(key string, produced int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	known := o.all[key]
	if known == nil {
		if o.all == nil {
			o.all = map[string]*ring{}
		}
		known = &ring{}
		o.all[key] = known
	}
	if len(known.produced) < samples {
		known.produced = append(known.produced, produced)
	} else {
		known.produced[known.next] = produced
		known.next = (known.next + 1) % samples
	}
	inOrder := slices.Sorted(slices.Values(known.produced))
	known.p99 = inOrder[(len(inOrder)*99+99)/100-1]
}
