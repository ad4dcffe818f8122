-- What the token bucket of @upstash/ratelimit does: a hash of the tokens and the instant of the last refill. Tokens come in steps.
-- KEYS: the hash. ARGV: capacity, interval (milliseconds), tokens gained in an interval, now (milliseconds), cost.
local capacity, interval, gained = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now, cost = tonumber(ARGV[4]), tonumber(ARGV[5])
local kept = redis.call('HMGET', KEYS[1], 'refilledAt', 'tokens')
local refilled, tokens = tonumber(kept[1] or now), tonumber(kept[2] or capacity)
local steps = math.floor((now - refilled) / interval)
if steps > 0 then
  tokens = math.min(capacity, tokens + steps * gained)
  refilled = refilled + steps * interval
end
if tokens == 0 then
  return { -1, refilled + interval, capacity }
end
tokens = tokens - cost
redis.call('HSET', KEYS[1], 'refilledAt', refilled, 'tokens', tokens)
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / gained) * interval)
return { tokens, refilled + interval, capacity }
