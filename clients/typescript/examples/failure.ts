/** What happens if nothing answers: the caller chooses, and the answer comes soon. */

import { Limiter, Unavailable } from 'redis-rl'

const limiter = new Limiter('redis://127.0.0.1:1', { fail: 'open', timeout: '200ms' })

const open = await limiter.slide('api', 500, '60s')
console.log(open.allowed, open.degraded?.reason) // true down

const closed = await limiter.slide('api', 500, '60s', { fail: 'closed' })
console.log(closed.allowed, closed.retryAfterMs) // false 1000

// Calls that do not ask for admission throw.
await limiter.peek('api').catch((error: unknown) => console.log(error instanceof Unavailable))

console.log(limiter.stats)
