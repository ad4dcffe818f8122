-- GCRA. The key holds one number: the instant at which the bucket is full again, by the server's clock.
-- KEYS: the number. ARGV: capacity, tokens gained in a period, period (seconds), cost.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local each = ARGV[3] * 1000 / ARGV[2]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now) + ARGV[4] * each
local wait = full_at - now - ARGV[1] * each
if wait > 0 then
  return { 0, 0, math.ceil(wait), math.ceil(full_at - now) }
end
redis.call('SET', KEYS[1], string.format('%.3f', full_at), 'PX', math.ceil(full_at - now))
return { 1, math.floor(-wait / each), 0, math.ceil(full_at - now) }
