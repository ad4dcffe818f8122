-- What the sliding window of @upstash/ratelimit does: two counters of fixed windows. The older one counts in part.
-- KEYS: the counter of this window, and that of the one before. ARGV: limit, now, window (both in milliseconds), cost.
local limit, now, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local used = tonumber(redis.call('GET', KEYS[1])) or 0
local before = tonumber(redis.call('GET', KEYS[2])) or 0
before = math.floor(before * (1 - now % window / window))
if before + used >= limit then
  return { -1, limit }
end
used = redis.call('INCRBY', KEYS[1], cost)
if used == cost then
  redis.call('PEXPIRE', KEYS[1], 2 * window + 1000)
end
return { limit - used - before, limit }
