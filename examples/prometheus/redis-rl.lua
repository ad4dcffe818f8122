-- For redis_exporter, which does not export the INFO fields of modules that it does not know:
--   redis_exporter --script examples/prometheus/redis-rl.lua
-- Each number of INFO rl becomes redis_script_values{key="rl_..."}. The script only reads INFO and touches no key.
local values = {}
for line in redis.call('INFO', 'rl'):gmatch('[^\r\n]+') do
  local field, value = line:match('^(rl_[%w_]+):(%d+)$')
  if field then
    values[#values + 1] = field
    values[#values + 1] = value
  end
end
return values
