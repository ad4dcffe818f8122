package redisrl

import (
	"context"
	"net/url"
)

// Policies are the limits that a server keeps under names. Only operators may change them.
type Policies struct{ limiter *Limiter }

// Policies returns the policies of the server.
func (l *Limiter) Policies() Policies { return Policies{l} }

// Set replaces the limits under a name, at once. Keys of the policy keep what they have used, limit by limit, by name.
func (p Policies) Set(ctx context.Context, name string, limits Limits) error {
	b := p.command("PUT", "/"+url.PathEscape(name), "SET", name)
	limits.addTo(b)
	b.EveryPrimary = true
	_, err := p.limiter.send(ctx, b.Command)
	return err
}

// Get returns the limits under a name. found is false if there is no such policy.
func (p Policies) Get(ctx context.Context, name string) (limits Limits, found bool, err error) {
	reply, err := p.limiter.send(ctx, p.command("GET", "/"+url.PathEscape(name), "GET", name).Command)
	if err != nil || reply == nil {
		return nil, false, err
	}
	if limits, isRead := reply.(Limits); isRead {
		return limits, true, nil // rl-coordinator writes limits in another form
	}
	rows, ok := reply.([]any)
	for _, row := range rows {
		fields, _, isMap := dict(row)
		own, named := text(fields["name"])
		limit, isLimit := limitOfReply(own, fields)
		ok = ok && isMap && named && isLimit
		limits = append(limits, limit)
	}
	if !ok {
		return nil, false, strange("a list of limits")
	}
	return limits, true, nil
}

// Delete removes a policy. It returns false if there is none.
func (p Policies) Delete(ctx context.Context, name string) (bool, error) {
	b := p.command("DELETE", "/"+url.PathEscape(name), "DEL", name)
	b.EveryPrimary = true
	return p.limiter.done(ctx, b)
}

// List returns the names of all policies, sorted.
func (p Policies) List(ctx context.Context) ([]string, error) {
	reply, err := p.limiter.send(ctx, p.command("GET", "", "LIST").Command)
	if err != nil {
		return nil, err
	}
	names, ok := texts(reply)
	if !ok {
		return nil, strange("a list of names")
	}
	return names, nil
}

func (p Policies) command(method, path, verb string, words ...string) builder {
	b := p.limiter.newCommand("/v1/policies"+path, "RL.POLICY").words(verb).words(words...)
	if b.web != nil {
		b.web.method = method
	}
	return b
}
