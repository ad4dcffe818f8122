package redisrl

import (
	"context"
	"strconv"
	"time"
)

// Lane is the priority of a request that waits.
type Lane int

// Lanes, the first is admitted first.
const (
	Critical Lane = iota
	High
	Normal
	Low
)

var laneNames = [lanes]struct{ word, field string }{
	{"CRITICAL", "critical"}, {"HIGH", "high"}, {"NORMAL", "normal"}, {"LOW", "low"},
}

// Option adds something to a request.
type Option func(*options)

type options struct {
	cost    int64 // of a single limit, and of the unit requests of a quota
	costed  bool
	costs   []unitCost
	offset  time.Duration
	wait    time.Duration
	lane    Lane
	laned   bool
	flow    string
	weight  int
	ttl     time.Duration
	id      string
	isShort bool
}

// Cost is what the request consumes, 1 without it. A cost of 0 takes nothing and is always admitted. For a quota it is the cost
// of the unit requests.
func Cost(n int64) Option { return func(o *options) { o.cost, o.costed = n, true } }

// CostOf adds a cost of one unit of a quota. It may be given several times.
func CostOf(unit string, n int64) Option {
	return func(o *options) { o.costs = append(o.costs, unitCost{unit, n}) }
}

// CostsOf adds the costs of several units of a quota, sorted by unit.
func CostsOf(costs map[string]int64) Option {
	return func(o *options) {
		for _, unit := range sorted(costs) {
			CostOf(unit, costs[unit])(o)
		}
	}
}

type unitCost struct {
	unit string
	n    int64
}

// Offset moves the beginning of the windows of [Limiter.Window]. It may be negative.
func Offset(d time.Duration) Option { return func(o *options) { o.offset = d } }

// Wait lets the server hold the request until it is admitted, or until d has passed: then it is denied.
func Wait(d time.Duration) Option { return func(o *options) { o.wait = d } }

// Priority is the lane in which the request waits. The default is [Normal].
func Priority(lane Lane) Option { return func(o *options) { o.lane, o.laned = lane, true } }

// Flow is the flow to which a waiting request belongs. Within a lane, flows share by weight, from 1 to 1000; 0 is the default, 1.
func Flow(id string, weight int) Option { return func(o *options) { o.flow, o.weight = id, weight } }

// TTL makes the request a reservation that lasts for d unless it is settled. For [Limiter.Reserve] it replaces [ReservationTTL].
func TTL(d time.Duration) Option { return func(o *options) { o.ttl = d } }

// ID names a reservation. Without it, [Limiter.Reserve] makes a random id, and for other calls the server does.
func ID(id string) Option { return func(o *options) { o.id = id } }

// Short asks the server for its short reply, with neither the limits nor the names of those that block.
func Short() Option { return func(o *options) { o.isShort = true } }

func read(given []Option) *options {
	o := &options{lane: Normal}
	for _, add := range given {
		add(o)
	}
	return o
}

// addCost adds the cost of a single limit.
func (b builder) addCost(o *options) builder {
	if o.costed && o.cost != 1 {
		b.words("COST").number("cost", o.cost)
	}
	return b
}

// ask sends a request for admission. rl-coordinator must not decide what the fail mode of this program decides. If it may wait, it first takes its place among the requests of this program that do.
func (l *Limiter) ask(ctx context.Context, o *options, b builder) (any, error) {
	b.field("on_error", "deny")
	if o.wait <= 0 || o.lane < 0 || o.lane >= lanes {
		return l.send(ctx, b.addWait(o, o.wait).addShort(o).Command)
	}
	took, ok, err := l.waits.enter(ctx, o.lane, o.wait)
	if err != nil {
		return nil, err
	}
	if !ok {
		return l.send(ctx, b.addShort(o).Command) // its time has passed: it gets the denial of now
	}
	defer l.waits.leave()
	return l.send(ctx, b.addWait(o, max(o.wait-took, time.Millisecond)).addShort(o).Command)
}

func (b builder) addWait(o *options, wait time.Duration) builder {
	if wait <= 0 {
		return b
	}
	b.Wait = wait
	b.words("WAIT").duration("wait", wait)
	if o.laned {
		word, field := strconv.Itoa(int(o.lane)), strconv.Itoa(int(o.lane))
		if o.lane >= 0 && o.lane < lanes {
			word, field = laneNames[o.lane].word, laneNames[o.lane].field
		}
		b.words("PRIORITY", word).field("priority", field)
	}
	if o.flow != "" {
		b.words("FLOW", o.flow).field("flow", o.flow)
		if o.weight != 0 {
			b.words("WEIGHT").number("weight", int64(o.weight))
		}
	}
	return b
}

func (b builder) addShort(o *options) builder {
	if o.isShort {
		b.words("REPLY", "SHORT") // rl-coordinator has one form of answers only
	}
	return b
}
