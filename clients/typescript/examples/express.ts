/** A web server with a limit for each client. Fastify and Hono have the same: redis-rl/fastify and redis-rl/hono. */

import express from 'express'
import { Limiter } from 'redis-rl'
import { rateLimit } from 'redis-rl/express'

const limiter = new Limiter(process.env['REDIS_URL'] ?? 'redis://localhost:6379', { fail: 'open' })
const app = express()

app.use(rateLimit({ limiter, limit: 100, window: '60s', key: (request) => `ip:${request.ip}` }))
app.get('/', (_, response) => void response.send('hello'))
app.listen(3_000)
