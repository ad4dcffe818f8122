# A client of `make test-clients`. It repeats a command and prints what it saw, as tests/clients/README.md says.

require "json"
require "redis"

def shape(reply)
  case reply
  when Array then "[#{reply.map { |part| shape(part) }.join(",")}]"
  when Integer then "int"
  when String then "string"
  when nil then "nil"
  else reply.class.name
  end
end

def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

seconds, pause_ms, *command = ARGV
redis = Redis.new(url: ENV.fetch("REDIS_URL"), timeout: 90)
redis.ping
puts "ready"
$stdout.flush
$stdin.gets

admitted = denied = settled = 0
shapes = []
ends = now + seconds.to_f
while now < ends
  reply = redis.call(*command)
  shapes |= [shape(reply)]
  reply[0] == 1 ? admitted += 1 : denied += 1
  if command[0] == "RL.QUOTA" && reply[4]
    settled += redis.call("RL.SETTLE", command[1], reply[4], "COST", "tokens", 40)
  end
  sleep(rand(0..pause_ms.to_i) / 1000.0) if pause_ms.to_i > 0
end
puts JSON.generate(admitted: admitted, denied: denied, settled: settled, shapes: shapes.sort)
