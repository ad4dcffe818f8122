-- What the moving window of limits (Python) does: a list of the instants of admitted requests, the newest first.
-- KEYS: the list. ARGV: now, limit, window (seconds), cost.
local now, limit, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local oldest = redis.call('LINDEX', KEYS[1], limit - cost)
if oldest and tonumber(oldest) >= now - window then
  return false
end
local entries = {}
for i = 1, cost do
  entries[i] = now
end
redis.call('LPUSH', KEYS[1], unpack(entries))
redis.call('LTRIM', KEYS[1], 0, limit)
redis.call('EXPIRE', KEYS[1], window)
return true
