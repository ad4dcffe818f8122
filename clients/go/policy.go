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
	return p.limits(ctx, p.command("GET", "/"+url.PathEscape(name), "GET", name))
}

func (p Policies) limits(ctx context.Context, b builder) (limits Limits, found bool, err error) {
	reply, err := p.limiter.send(ctx, b.Command)
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

// Overrides returns the keys that have limits of their own under a policy, sorted. found is false if there is no such policy.
func (p Policies) Overrides(ctx context.Context, name string) (keys []string, found bool, err error) {
	reply, err := p.limiter.send(ctx, p.command("GET", "/"+url.PathEscape(name)+"/overrides", "OVERRIDES", name).Command)
	if err != nil || reply == nil {
		return nil, false, err
	}
	keys, ok := texts(reply)
	if !ok {
		return nil, false, strange("a list of keys")
	}
	return keys, true, nil
}

// Override returns the limits of one key under a policy. found is false if it has none of its own.
func (p Policies) Override(ctx context.Context, name, key string) (limits Limits, found bool, err error) {
	return p.limits(ctx, p.command("GET", overridePath(name, key), "OVERRIDES", name, "KEY", key))
}

// SetOverride gives one key limits of its own under a policy, instead of those of the policy.
func (p Policies) SetOverride(ctx context.Context, name, key string, limits Limits) error {
	b := p.command("PUT", overridePath(name, key), "OVERRIDE", name, key)
	limits.addTo(b)
	b.EveryPrimary = true
	_, err := p.limiter.send(ctx, b.Command)
	return err
}

// DeleteOverride takes the limits of one key away, if it has any: then it goes by the policy again.
func (p Policies) DeleteOverride(ctx context.Context, name, key string) error {
	b := p.command("DELETE", overridePath(name, key), "OVERRIDE", name, key, "NONE")
	b.EveryPrimary = true
	_, err := p.limiter.send(ctx, b.Command)
	return err
}

func overridePath(name, key string) string {
	return "/" + url.PathEscape(name) + "/overrides/" + url.PathEscape(key)
}

func (p Policies) command(method, path, verb string, words ...string) builder {
	b := p.limiter.newCommand("/v1/policies"+path, "RL.POLICY").words(verb).words(words...)
	if b.web != nil {
		b.web.method = method
	}
	return b
}
