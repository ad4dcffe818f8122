-- A sliding window as a sorted set. Each request is a member, and its score is the caller's time.
-- KEYS: the set. ARGV: now, window (both in seconds), limit, a unique name for the request.
local now, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - window)
local used = redis.call('ZCARD', KEYS[1])
if used >= tonumber(ARGV[3]) then
  return { 0, used }
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('EXPIRE', KEYS[1], 2 * window)
return { 1, used + 1 }
