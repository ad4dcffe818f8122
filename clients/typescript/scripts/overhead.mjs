// Prints what a call costs beside the raw command of the same client, in microseconds of this process.
//
//   REDIS_URL=redis://localhost:6379 node scripts/overhead.mjs

import { Redis } from 'ioredis'
import { createClient } from 'redis'

import { Limiter } from '../dist/esm/index.js'

const url = process.env.REDIS_URL ?? 'redis://localhost:6379'
const ROUNDS = 5
const CALLS = 20_000
const AT_ONCE = 100

/** The processor time of a call, in µs: the least of several rounds. */
async function cost(call) {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.cpuUsage()
    for (let done = 0; done < CALLS; done += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, call))
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / CALLS)
  }
  return least
}

const nodeRedis = await createClient({ url }).connect()
const ioredis = new Redis(url)
const own = new Limiter(url)
const rows = [
  ['node-redis', () => nodeRedis.sendCommand(['RL.SLIDE', 'overhead', '1000000', '60000ms']), new Limiter(nodeRedis)],
  ['ioredis', () => ioredis.call('RL.SLIDE', 'overhead', '1000000', '60000ms'), new Limiter(ioredis)],
  ['a URL', null, own]
]
for (const [name, raw, limiter] of rows) {
  const typed = await cost(() => limiter.slide('overhead', 1_000_000, '60s'))
  if (!raw) console.log(`${name}: ${typed.toFixed(1)} µs a call`)
  else {
    const bare = await cost(raw)
    console.log(`${name}: ${bare.toFixed(1)} µs raw, ${typed.toFixed(1)} µs typed, ${(typed - bare).toFixed(1)} µs more (${(typed / bare).toFixed(2)}x)`)
  }
}
await own.close()
nodeRedis.destroy()
ioredis.disconnect()
