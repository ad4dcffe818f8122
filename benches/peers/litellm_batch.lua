-- What LiteLLM's batch script does: for each limit a window that begins with its first request, and a counter. The caller compares the
-- counters with the limits. A denied request counts.
-- KEYS: for each limit the begin of its window, and its counter. ARGV: now, window (both in seconds).
local now, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local found = {}
for i = 1, #KEYS, 2 do
  local begin, used = redis.call('GET', KEYS[i]), 1
  if begin and now - tonumber(begin) < window then
    used = redis.call('INCR', KEYS[i + 1])
    if redis.call('TTL', KEYS[i + 1]) == -1 then
      redis.call('EXPIRE', KEYS[i + 1], window)
    end
  else
    begin = tostring(now)
    redis.call('SET', KEYS[i], begin)
    redis.call('SET', KEYS[i + 1], used)
    redis.call('EXPIRE', KEYS[i], window)
    redis.call('EXPIRE', KEYS[i + 1], window)
  end
  found[i], found[i + 1] = begin, used
end
return found
