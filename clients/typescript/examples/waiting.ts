/** Waiting in line: higher lanes go first, and nobody polls. */

import { Limiter } from 'redis-rl'

const url = process.env['REDIS_URL'] ?? 'redis://localhost:6379'
await using limiter = new Limiter(url)
const key = `waiting:${crypto.randomUUID()}`

await limiter.slide(key, 1, '500ms')
const batch = limiter.slide(key, 1, '500ms', { wait: '30s', priority: 'low' }).then(() => console.log('the batch job'))
const user = limiter.slide(key, 1, '500ms', { wait: '30s', priority: 'high' }).then(() => console.log('the user'))
await Promise.all([user, batch])

// A request whose caller gives up leaves the line and takes nothing.
const givesUp = limiter.slide(key, 1, '1h', { wait: '1h', signal: AbortSignal.timeout(100) })
await givesUp.catch((error: Error) => console.log(error.name))
