-- What LiteLLM's newer script does: the same windows and counters by the server's clock, all or nothing.
-- KEYS: for each limit the begin of its window, and its counter. ARGV: for each limit its limit, its cost, and its window in seconds.
local now = tonumber(redis.call('TIME')[1])
local new = {}
for i = 1, #KEYS / 2 do
  local limit, cost, window = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local begin, used = redis.call('GET', KEYS[2 * i - 1]), 0
  new[i] = not begin or now - tonumber(begin) >= window
  if not new[i] then
    used = tonumber(redis.call('GET', KEYS[2 * i]) or 0)
  end
  if used + cost > limit then
    return { 1, i, used, limit }
  end
end
local found = { 0 }
for i = 1, #KEYS / 2 do
  local cost, window = tonumber(ARGV[3 * i - 1]), ARGV[3 * i]
  if new[i] then
    redis.call('SET', KEYS[2 * i - 1], now)
    redis.call('SET', KEYS[2 * i], cost)
    redis.call('EXPIRE', KEYS[2 * i - 1], window)
    redis.call('EXPIRE', KEYS[2 * i], window)
    found[i + 1] = cost
  else
    found[i + 1] = redis.call('INCRBY', KEYS[2 * i], cost)
    if redis.call('TTL', KEYS[2 * i]) == -1 then
      redis.call('EXPIRE', KEYS[2 * i], window)
    end
  end
end
return found
