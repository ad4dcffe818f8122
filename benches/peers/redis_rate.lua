-- What the script of redis_rate (Go) does: GCRA in one number, by the server's clock. The number is the instant at which the bucket is
-- full again, in seconds since 2017, so that a double holds microseconds.
-- KEYS: the number. ARGV: burst, tokens gained in a period, period (seconds), cost.
local clock = redis.call('TIME')
local now = clock[1] - 1483228800 + clock[2] / 1000000
local each = ARGV[3] / ARGV[2]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local next_full_at = full_at + each * ARGV[4]
local room = now - next_full_at + each * ARGV[1]
local left = math.floor(room / each + 0.5)
if left < 0 then
  return { 0, 0, tostring(-room), tostring(full_at - now) }
end
redis.call('SET', KEYS[1], next_full_at, 'EX', math.ceil(next_full_at - now))
return { tonumber(ARGV[4]), left, '-1', tostring(next_full_at - now) }
