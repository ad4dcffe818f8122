-- A token bucket in two keys: the number of tokens, and the instant of that number. Both are written even after a denial.
-- KEYS: the tokens, the instant. ARGV: now (seconds), capacity, tokens gained in a second, cost.
local now, capacity, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local tokens = tonumber(redis.call('GET', KEYS[1])) or capacity
local before = tonumber(redis.call('GET', KEYS[2])) or now
tokens = math.min(capacity, tokens + (now - before) * tonumber(ARGV[3]))
local allowed = tokens >= cost
if allowed then
  tokens = tokens - cost
end
redis.call('SET', KEYS[1], tokens)
redis.call('SET', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], 3600)
redis.call('EXPIRE', KEYS[2], 3600)
return { allowed and 1 or 0, math.floor(tokens) }
