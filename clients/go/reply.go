package redisrl

import (
	"fmt"
	"strconv"
)

// Replies come as clients of Redis decode them: numbers as int64, maps as a flat list (RESP2) or as a map (RESP3).

func integer(reply any) (int64, bool) {
	switch n := reply.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case string:
		parsed, err := strconv.ParseInt(n, 10, 64)
		return parsed, err == nil
	}
	return 0, false
}

func integers(reply []any) ([]int64, bool) {
	numbers := make([]int64, len(reply))
	for i, item := range reply {
		n, ok := integer(item)
		if !ok {
			return nil, false
		}
		numbers[i] = n
	}
	return numbers, true
}

func text(reply any) (string, bool) {
	switch s := reply.(type) {
	case string:
		return s, true
	case []byte:
		return string(s), true
	}
	return "", false
}

func texts(reply any) ([]string, bool) {
	list, ok := reply.([]any)
	if !ok {
		return nil, false
	}
	all := make([]string, len(list))
	for i, item := range list {
		if all[i], ok = text(item); !ok {
			return nil, false
		}
	}
	return all, true
}

// dict reads a map. names has its keys in the order of the reply, or sorted if the client has lost the order.
func dict(reply any) (map[string]any, []string, bool) {
	switch pairs := reply.(type) {
	case []any:
		if len(pairs)%2 != 0 {
			return nil, nil, false
		}
		found, names := make(map[string]any, len(pairs)/2), make([]string, 0, len(pairs)/2)
		for i := 0; i < len(pairs); i += 2 {
			name, ok := text(pairs[i])
			if !ok {
				return nil, nil, false
			}
			found[name], names = pairs[i+1], append(names, name)
		}
		return found, names, true
	case map[string]any:
		return pairs, sorted(pairs), true
	case map[any]any:
		found := make(map[string]any, len(pairs))
		for name, value := range pairs {
			found[fmt.Sprint(name)] = value
		}
		return found, sorted(found), true
	}
	return nil, nil, false
}

// decision reads the five integers of a limit.
func decision(reply any) (Decision, error) {
	list, _ := reply.([]any)
	numbers, ok := integers(list)
	if !ok || len(numbers) != 5 {
		return Decision{}, strange("the five integers of a limit")
	}
	return Decision{
		Allowed: numbers[0] > 0, Limit: numbers[1], Remaining: numbers[2],
		RetryAfter: milliseconds(numbers[3]), ResetAfter: milliseconds(numbers[4]),
	}, nil
}

// anyQuotaDecision reads the reply of a quota, which is short if that was asked for: allowed, retry_after_ms and the id. Over HTTP
// it is not.
func anyQuotaDecision(reply any, isShort bool) (QuotaDecision, error) {
	list, _ := reply.([]any)
	if !isShort || len(list) > 3 || len(list) < 2 {
		return quotaDecision(reply)
	}
	full := []any{list[0], list[1], []any{}, []any{}}
	return quotaDecision(append(full, list[2:]...))
}

// firstDecision reads the reply of RL.FIRST: that of a quota, and the index of the key that admits as its last element.
func firstDecision(reply any, isShort bool) (QuotaDecision, error) {
	list, _ := reply.([]any)
	if len(list) == 0 {
		return QuotaDecision{}, strange("that of RL.FIRST")
	}
	last := len(list) - 1
	index, ok := integer(list[last])
	if !ok {
		return QuotaDecision{}, strange("that of RL.FIRST")
	}
	found, err := anyQuotaDecision(list[:last:last], isShort)
	found.Index = int(index)
	return found, err
}

// quotaDecision reads the reply of a quota, with the id of a reservation if it has one.
func quotaDecision(reply any) (QuotaDecision, error) {
	wrong := strange("that of a quota")
	list, _ := reply.([]any)
	if len(list) < 4 || len(list) > 5 {
		return QuotaDecision{}, wrong
	}
	head, ok := integers(list[:2])
	blocking, named := texts(list[2])
	rows, listed := list[3].([]any)
	if !ok || !named || !listed {
		return QuotaDecision{}, wrong
	}
	found := QuotaDecision{
		Allowed: head[0] > 0, RetryAfter: milliseconds(head[1]), Blocking: blocking,
		Limits: make(map[string]Decision, len(rows)), Names: make([]string, 0, len(rows)),
	}
	for _, row := range rows {
		cells, _ := row.([]any)
		if len(cells) != 5 {
			return QuotaDecision{}, wrong
		}
		name, named := text(cells[0])
		numbers, ok := integers(cells[1:])
		if !ok || !named {
			return QuotaDecision{}, wrong
		}
		found.Names = append(found.Names, name)
		found.Limits[name] = Decision{
			Allowed: numbers[2] == 0, Limit: numbers[0], Remaining: numbers[1],
			RetryAfter: milliseconds(numbers[2]), ResetAfter: milliseconds(numbers[3]),
		}
	}
	if len(list) == 5 && list[4] != nil {
		if found.ID, ok = text(list[4]); !ok {
			return QuotaDecision{}, wrong
		}
	}
	return found, nil
}
