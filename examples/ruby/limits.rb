# Rate limits with the gem redis. Its function `call` sends any command.
#
# REDIS_URL is the address of the server. REDIS_CLUSTER=yes selects a cluster. Version 4 of the gem speaks RESP2 only.

require "redis"
require "securerandom"

URL = ENV.fetch("REDIS_URL", "redis://127.0.0.1:6379")
AWAY_URL = ENV.fetch("REDIS_AWAY_URL", "redis://127.0.0.1:1") # no server answers here
IN_CLUSTER = ENV["REDIS_CLUSTER"] == "yes"

# Returns a client that waits up to `timeout` seconds for a reply.
def connect(timeout)
  IN_CLUSTER ? Redis.new(cluster: [URL], timeout: timeout) : Redis.new(url: URL, timeout: timeout)
end

def tell(name, reply)
  allowed, limit, remaining, retry_ms, _reset_ms = reply
  verdict = allowed == 1 ? "admitted, #{remaining} of #{limit} left" : "denied, ask again in #{retry_ms} ms"
  puts "#{name}: #{verdict}"
end

# Admits at most 3 requests in any 60 seconds.
def slide(redis, key)
  tell "slide", redis.call("RL.SLIDE", key, 3, 60)
end

# Admits bursts of 2 requests, and one more request every 60 seconds.
def bucket(redis, key)
  tell "bucket", redis.call("RL.BUCKET", key, 2, 1, 60)
end

# Reserves a call at the first model that has room. Returns its key and the reservation, or nil.
def reserve(redis, run, tokens)
  %w[large small].each do |model|
    key = "example:#{run}:#{model}"
    allowed, _retry_ms, blocking, _limits, reservation = redis.call(
      "RL.QUOTA", key,
      "LIMIT", "rpm", 10, 60,
      "LIMIT", "tpm", 5000, 60, "UNIT", "tokens",
      "LIMIT", "calls", 5, "INFLIGHT",
      "COST", "tokens", tokens,
      "RESERVE", 60
    )
    if allowed == 1
      puts "quota: #{model} takes it"
      return [key, reservation]
    end
    puts "quota: #{model} is full (#{blocking.join(", ")})"
  end
  nil
end

# Reports the real cost of the call. The rest is free again.
def settle(redis, key, reservation, used:)
  redis.call("RL.SETTLE", key, reservation, "COST", "tokens", used)
  puts "settle: #{used} tokens used"
end

# Waits in line for up to 10 seconds, before waiters of lower lanes. The timeout of `redis` must be longer.
def wait(redis, key)
  redis.call("RL.SLIDE", key, 1, 3)
  began = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
  allowed, = redis.call("RL.SLIDE", key, 1, 3, "WAIT", 10, "PRIORITY", "HIGH")
  waited = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond) - began
  puts "wait: #{allowed == 1 ? "admitted" : "denied"} after #{waited} ms in line"
end

# Returns true if the call may proceed. `if_away` is the choice for when Redis cannot be asked: :admit or :refuse.
def may_i?(redis, key, if_away:)
  allowed, = redis.call("RL.SLIDE", key, 100, 60)
  allowed == 1
rescue Redis::BaseConnectionError
  if_away == :admit
end

run = SecureRandom.hex(4)
redis = connect(2)

4.times { slide(redis, "example:#{run}:slide") }
3.times { bucket(redis, "example:#{run}:bucket") }

large = reserve(redis, run, 4000)
small = reserve(redis, run, 4000)
settle(redis, *large, used: 800)
again = reserve(redis, run, 4000)
settle(redis, *small, used: 3000)
settle(redis, *again, used: 4200) # the excess over the reservation also counts

wait(connect(12), "example:#{run}:wait")

away = Redis.new(url: AWAY_URL, timeout: 1, reconnect_attempts: 0)
{ open: :admit, closed: :refuse }.each do |choice, if_away|
  verdict = may_i?(away, "example:#{run}:away", if_away: if_away) ? "admitted" : "refused"
  puts "away, fail #{choice}: #{verdict}"
end
