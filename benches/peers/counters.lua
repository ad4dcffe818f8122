-- Several counters, all or nothing. Each is a fixed window, and the caller puts its number into the key.
-- KEYS: the counters. ARGV: for each counter its limit, its cost and its window in seconds.
local blocked = {}
for i = 1, #KEYS do
  local used = tonumber(redis.call('GET', KEYS[i])) or 0
  if used + ARGV[3 * i - 1] > tonumber(ARGV[3 * i - 2]) then
    blocked[#blocked + 1] = i
  end
end
if #blocked > 0 then
  return { 0, blocked }
end
local left = {}
for i = 1, #KEYS do
  local used = redis.call('INCRBY', KEYS[i], ARGV[3 * i - 1])
  if used == tonumber(ARGV[3 * i - 1]) then
    redis.call('EXPIRE', KEYS[i], 2 * ARGV[3 * i])
  end
  left[i] = ARGV[3 * i - 2] - used
end
return { 1, left }
