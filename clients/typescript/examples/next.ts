/** A route of Next.js: app/api/hello/route.ts. */

import { NextResponse, type NextRequest } from 'next/server.js'
import { Limiter } from 'redis-rl'
import { withRateLimit } from 'redis-rl/next'

const limiter = new Limiter(process.env['REDIS_URL'] ?? 'redis://localhost:6379')
const key = (request: NextRequest) => `user:${request.headers.get('x-user')}`

export const GET = withRateLimit((_request: NextRequest) => NextResponse.json({ hello: 'world' }), { limiter, limit: 100, window: '60s', key })
