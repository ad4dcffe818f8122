-- A sliding window as a sorted set: one member for each request, scored by when the caller says it came.
-- KEYS: the set. ARGV: now, window (both in seconds), limit, a name for the request that no other has.
local now, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - window)
local used = redis.call('ZCARD', KEYS[1])
if used >= tonumber(ARGV[3]) then
  return { 0, used }
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('EXPIRE', KEYS[1], 2 * window)
return { 1, used + 1 }
