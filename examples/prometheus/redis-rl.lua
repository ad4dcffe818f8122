-- For redis_exporter, which leaves out what INFO tells of modules that it does not know:
--   redis_exporter --script examples/prometheus/redis-rl.lua
-- Each number of INFO rl is then redis_script_values{key="rl_..."}. It reads, and touches no key.
local values = {}
for line in redis.call('INFO', 'rl'):gmatch('[^\r\n]+') do
  local field, value = line:match('^(rl_[%w_]+):(%d+)$')
  if field then
    values[#values + 1] = field
    values[#values + 1] = value
  end
end
return values
