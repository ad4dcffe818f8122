/** Limits: one key, one limit. */

import { Limiter } from 'redis-rl'

const url = process.env['REDIS_URL'] ?? 'redis://localhost:6379'
await using limiter = new Limiter(url)
const run = crypto.randomUUID()

// At most 3 requests in any 60 seconds.
for (let request = 0; request < 4; request += 1) {
  const { allowed, remaining, retryAfterMs } = await limiter.slide(`slide:${run}`, 3, '60s')
  console.log(allowed ? `admitted, ${remaining} left` : `denied, ask again in ${retryAfterMs} ms`)
}

// At most 1000 tokens in each day that begins at midnight in UTC+8.
await limiter.window(`day:${run}`, 1_000, '1d', { offset: '-8h', cost: 250 })

// Bursts of 50, and 8.33 more in each second.
await limiter.bucket(`bucket:${run}`, 50, '8.33', { period: '1s' })

// Would 2 be admitted? Nothing is consumed.
const peeked = await limiter.peek(`slide:${run}`, 2)
console.log('peek:', peeked?.allowed)

// The upstream call failed: give one back.
console.log('remaining after a refund:', await limiter.refund(`slide:${run}`, 1))

const info = await limiter.info(`slide:${run}`)
console.log('info:', info?.algorithm, info?.used)

const [denied] = await limiter.top({ by: 'denied', count: 1 })
console.log('denied most:', denied?.key)
