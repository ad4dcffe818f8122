/** Reservations: charge an estimate before the call, and settle at what was used. */

import { Denied, Limiter, type Limit } from 'redis-rl'

const url = process.env['REDIS_URL'] ?? 'redis://localhost:6379'
await using limiter = new Limiter(url)
const key = `reservation:${crypto.randomUUID()}`
const limits: Limit[] = [
  { name: 'tpm', limit: 10_000, window: '60s', unit: 'tokens' },
  { name: 'calls', inflight: 5 }
]

// A scope: at its end the reservation is settled at what `use` was told.
{
  await using call = await limiter.reserve(key, limits, { cost: { tokens: 4_096 }, wait: '20s' })
  call.use({ tokens: 812 })
}

// The same with a function. Its result is returned.
const answer = await limiter.reserve(key, limits, { cost: { tokens: 4_096 } }, async (call) => {
  call.use({ tokens: 120 })
  return 'the answer'
})
console.log(answer, (await limiter.info(key))?.used)

// A denial throws.
const refused = await limiter.reserve(key, limits, { cost: { tokens: 9_500 } }).catch((error: unknown) => error)
if (refused instanceof Denied) console.log(refused.message)

// Without a scope: by the id.
const { id } = await limiter.quota(key, limits, { cost: { tokens: 100 }, reserve: '60s' })
await limiter.renew(key, id!, '120s')
await limiter.settle(key, id!, { tokens: 50 })
console.log(await limiter.cancel(key, id!)) // false: it is settled already
