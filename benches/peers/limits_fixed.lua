-- What the fixed window of limits (Python) does: a counter, which the caller compares with the limit. A denied request counts.
-- KEYS: the counter. ARGV: window (seconds), cost.
local used = redis.call('INCRBY', KEYS[1], ARGV[2])
if used == tonumber(ARGV[2]) then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return used
