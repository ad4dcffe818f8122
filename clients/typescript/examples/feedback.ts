/** What a provider says counts, too: holds, and what is left by its count. */

import { Limiter } from 'redis-rl'

const url = process.env['REDIS_URL'] ?? 'redis://localhost:6379'
await using limiter = new Limiter(url)
const run = crypto.randomUUID()

// After a 429 with `retry-after: 20`, nobody is admitted for 20 seconds.
console.log(await limiter.hold(`held:${run}`, '20s'))
await limiter.hold(`held:${run}`, '0s') // lifts it

// Others use the same limit: only 120 are left for the next 30 seconds.
await limiter.slide(`api:${run}`, 500, '60s')
console.log('used elsewhere:', await limiter.sync(`api:${run}`, { remaining: 120, of: 500, reset: '30s' }))

// A quota is told by limit. In a scope, the headers of an answer do.
const limits = [{ name: 'rpm', limit: 100, window: '60s' }] as const
await limiter.reserve(`q:${run}`, limits, {}, async (call) => {
  await call.sync({ 'x-ratelimit-remaining-requests': '60', 'x-ratelimit-reset-requests': '30s' }, 'openai')
})
// `age`: how long ago the request was sent whose response says so.
console.log(await limiter.syncQuota(`q:${run}`, { rpm: { remaining: 50 } }, { age: '250ms' }))
