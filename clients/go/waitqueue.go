package redisrl

import (
	"context"
	"sync"
	"time"
)

// lanes is the number of lanes.
const lanes = 4

// waitQueue bounds how many requests of this program wait in the server's lines. Requests beyond the bound wait here: a higher
// lane goes first, and within a lane the first to come.
type waitQueue struct {
	mu    sync.Mutex
	size  int
	free  int
	lanes [lanes][]chan struct{}
}

func newWaitQueue(n int) *waitQueue { return &waitQueue{size: max(n, 1), free: max(n, 1)} }

// enter waits for a place for at most d, and returns how long that took. ok is false if there was none in time.
func (q *waitQueue) enter(ctx context.Context, lane Lane, d time.Duration) (took time.Duration, ok bool, err error) {
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return 0, true, nil
	}
	place := make(chan struct{})
	q.lanes[lane] = append(q.lanes[lane], place)
	q.mu.Unlock()

	begin := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-place:
		return time.Since(begin), true, nil
	case <-timer.C:
		return d, q.giveUp(lane, place), nil
	case <-ctx.Done():
		if q.giveUp(lane, place) {
			q.leave()
		}
		return 0, false, ctx.Err()
	}
}

// giveUp takes a request out of its lane, and returns whether it had got a place meanwhile.
func (q *waitQueue) giveUp(lane Lane, place chan struct{}) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, other := range q.lanes[lane] {
		if other == place {
			q.lanes[lane] = append(q.lanes[lane][:i:i], q.lanes[lane][i+1:]...)
			return false
		}
	}
	return true
}

// leave gives a place to the next request.
func (q *waitQueue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for lane, waiting := range q.lanes {
		if len(waiting) > 0 {
			close(waiting[0])
			q.lanes[lane] = waiting[1:]
			return
		}
	}
	q.free++
}

// waiting returns how many requests have a place or wait for one.
func (q *waitQueue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.size - q.free
	for _, lane := range q.lanes {
		n += len(lane)
	}
	return n
}
