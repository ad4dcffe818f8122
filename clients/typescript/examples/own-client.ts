/** Your own client: node-redis or ioredis, a single server or a cluster. */

import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { Limiter } from 'redis-rl'

const url = process.env['REDIS_URL'] ?? 'redis://localhost:6379'
const key = `own:${crypto.randomUUID()}`

const nodeRedis = await createClient({ url }).connect()
const first = new Limiter(nodeRedis)
console.log(await first.slide(key, 5, '60s'))

const ioredis = new Redis(url)
const second = new Limiter(ioredis)
console.log(await second.slide(key, 5, '60s', { wait: '1s' })) // waits on connections of their own

// The limiter closes only what it has opened. The clients are yours.
await first.close()
await second.close()
nodeRedis.destroy()
ioredis.disconnect()
