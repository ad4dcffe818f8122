/** Middleware for web servers, each with the real framework. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'

import express from 'express'
import Fastify, { type FastifyRequest } from 'fastify'
import { Hono, type Context } from 'hono'
import { NextRequest, NextResponse } from 'next/server.js'

import { Limiter } from '../src/index.js'
import { rateLimit as forExpress, type ExpressRequest } from '../src/middleware/express.js'
import { rateLimit as forFastify } from '../src/middleware/fastify.js'
import { rateLimit as forHono } from '../src/middleware/hono.js'
import { rateLimited, withRateLimit } from '../src/middleware/next.js'
import type { RouteLimit, RouteOptions } from '../src/middleware/rule.js'
import { freePort, startServer, type Program } from './support/servers.js'

let server: Program
let limiter: Limiter
before(async () => {
  server = await startServer()
  limiter = new Limiter(server.url)
  await limiter.setPolicy('web', [
    { name: 'rpm', limit: 2, window: '60s' },
    { name: 'bytes', limit: 100, window: '1h', unit: 'bytes' }
  ])
})
after(async () => {
  await limiter.close()
  await server.stop()
})

/** The options of a route. The framework adds limiter and key. */
type Rules = Partial<RouteLimit> & Partial<Omit<RouteOptions<unknown>, 'key'>> & { policy?: string }

/** A framework: serves `ok` behind a limit whose key is the header `x-user`. */
interface Framework {
  readonly name: string
  serve(rules: Rules): Promise<{ ask(user: string): Promise<Response>; close(): Promise<void> }>
}

async function listening(listener: RequestListener) {
  const http = createServer(listener).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const close = async () => {
    http.closeAllConnections()
    http.close()
  }
  return { url, ask: (user: string) => fetch(url, { headers: { 'x-user': user } }), close }
}

const FRAMEWORKS: Framework[] = [
  {
    name: 'express',
    async serve(rules) {
      const app = express()
      app.use(forExpress({ limiter, key: (request) => `express:${request.headers['x-user']}`, ...rules } as RouteOptions<express.Request>))
      app.get('/', (_, response) => void response.send('ok'))
      app.use(((error, _request, response, _next) => void response.status(500).send(error.name)) as express.ErrorRequestHandler)
      return listening(app)
    }
  },
  {
    name: 'node:http',
    async serve(rules) {
      const limit = forExpress({ limiter, key: (request) => `http:${request.headers['x-user']}`, ...rules } as RouteOptions<ExpressRequest>)
      return listening((request, response) => {
        void limit(request, response, (error) => {
          response.statusCode = error ? 500 : 200
          response.end(error ? (error as Error).name : 'ok')
        })
      })
    }
  },
  {
    name: 'fastify',
    async serve(rules) {
      const app = Fastify()
      app.addHook('onRequest', forFastify({ limiter, key: (request) => `fastify:${request.raw.headers['x-user']}`, ...rules } as RouteOptions<FastifyRequest>))
      app.get('/', async () => 'ok')
      app.setErrorHandler((error: Error, _, reply) => reply.code(500).send(error.name))
      const url = await app.listen({ host: '127.0.0.1', port: 0 })
      return { ask: (user) => fetch(url, { headers: { 'x-user': user } }), close: () => app.close() }
    }
  },
  {
    name: 'hono',
    async serve(rules) {
      const app = new Hono()
      app.use(forHono({ limiter, key: (c) => `hono:${c.req.header('x-user')}`, ...rules } as RouteOptions<Context>))
      app.get('/', (c) => c.text('ok'))
      app.onError((error, c) => c.text(error.name, 500))
      return { ask: async (user) => app.request('/', { headers: { 'x-user': user } }), close: async () => {} }
    }
  },
  {
    name: 'a route of next',
    async serve(rules) {
      const options = { limiter, key: (request: NextRequest) => `next:${request.headers.get('x-user')}`, ...rules } as RouteOptions<NextRequest>
      const handler = withRateLimit((_request: NextRequest) => NextResponse.json('ok'), options)
      const ask = (user: string) =>
        handler(new NextRequest('http://localhost/', { headers: { 'x-user': user } })).catch((error) => new Response(error.name, { status: 500 }))
      return { ask, close: async () => {} }
    }
  },
  {
    name: 'middleware of next',
    async serve(rules) {
      const options = { limiter, key: (request: NextRequest) => `middleware:${request.headers.get('x-user')}`, ...rules } as RouteOptions<NextRequest>
      const middleware = async (request: NextRequest) => (await rateLimited(request, options)) ?? NextResponse.next()
      const ask = (user: string) =>
        middleware(new NextRequest('http://localhost/', { headers: { 'x-user': user } })).catch((error) => new Response(error.name, { status: 500 }))
      return { ask, close: async () => {} }
    }
  }
]

for (const { name, serve } of FRAMEWORKS) {
  describe(name, () => {
    const tells = name !== 'middleware of next' // its answer to an admitted request is Next's own

    it('limits each key, and says so in header fields', async () => {
      const { ask, close } = await serve({ limit: 2, window: '60s', name: 'rpm' })
      try {
        const first = await ask('a')
        assert.equal(first.status, 200)
        if (tells) assert.equal(first.headers.get('ratelimit'), '"rpm";r=1;t=60')
        if (tells) assert.equal(first.headers.get('ratelimit-policy'), '"rpm";q=2;w=60')
        await ask('a')
        const denied = await ask('a')
        assert.equal(denied.status, 429)
        assert.equal(denied.headers.get('ratelimit-policy'), '"rpm";q=2;w=60')
        assert.match(denied.headers.get('ratelimit') ?? '', /^"rpm";r=0;t=(60|5\d)$/)
        assert.ok(Number(denied.headers.get('retry-after')) > 50)
        assert.match(denied.headers.get('content-type') ?? '', /^application\/problem\+json/)
        const body = (await denied.json()) as { status: number; retry_after_ms: number }
        assert.ok(body.status === 429 && body.retry_after_ms > 50_000)
        assert.equal((await ask('b')).status, 200)
      } finally {
        await close()
      }
    })

    it('limits by a policy of the server', async () => {
      const { ask, close } = await serve({ policy: 'web', cost: { bytes: 60 } })
      try {
        const first = await ask('p')
        assert.equal(first.status, 200)
        if (tells) assert.equal(first.headers.get('ratelimit'), '"rpm";r=1;t=60, "bytes";r=40;t=3600')
        const denied = await ask('p')
        assert.equal(denied.status, 429)
        assert.match(denied.headers.get('ratelimit') ?? '', /"rpm";r=1;t=\d+, "bytes";r=40;t=\d+/)
      } finally {
        await close()
      }
    })

    it('has buckets, windows, skips and costs that never fit', async () => {
      const bucket = await serve({ limit: 60, window: '60s', algorithm: 'bucket', capacity: 1 })
      assert.deepEqual([(await bucket.ask('c')).status, (await bucket.ask('c')).status], [200, 429])
      await bucket.close()
      const window = await serve({ limit: 1, window: '1d', algorithm: 'window', cost: 2 })
      const never = await window.ask('d')
      assert.equal(never.status, 429)
      assert.equal(never.headers.get('retry-after'), null)
      await window.close()
      const skipped = await serve({ limit: 0, window: '60s', skip: () => true })
      assert.equal((await skipped.ask('e')).status, 200)
      await skipped.close()
    })

    it('waits in line', async () => {
      const { ask, close } = await serve({ limit: 1, window: '200ms', wait: '20s' })
      assert.deepEqual((await Promise.all([ask('w'), ask('w'), ask('w')])).map(({ status }) => status), [200, 200, 200])
      await close()
    })

    it('fails as the caller chose', async () => {
      const away = new Limiter(`redis://127.0.0.1:${await freePort()}`)
      const closed = await serve({ limiter: away, limit: 1, window: '60s' })
      const denied = await closed.ask('f')
      assert.deepEqual([denied.status, denied.headers.get('retry-after')], [503, '1'])
      await closed.close()
      const open = await serve({ limiter: away, limit: 1, window: '60s', fail: 'open' })
      assert.deepEqual([(await open.ask('f')).status, (await open.ask('f')).status], [200, 200])
      await open.close()
    })

    it('hands wrong requests to the framework', async () => {
      const { ask, close } = await serve({ policy: 'nope' })
      const failed = await ask('g')
      assert.deepEqual([failed.status, await failed.text()], [500, 'NoPolicy'])
      await close()
    })
  })
}

it('a client that goes away leaves the line', async () => {
  const { url, close } = (await FRAMEWORKS[0]!.serve({ limit: 1, window: '60s', wait: '60s' })) as unknown as { url: string; close(): Promise<void> }
  await fetch(url, { headers: { 'x-user': 'gone' } })
  const request = httpRequest(url, { headers: { 'x-user': 'gone' } }).on('error', () => {})
  request.end()
  while ((await limiter.info('express:gone'))?.waiting.normal !== 1);
  request.destroy()
  while ((await limiter.info('express:gone'))?.waiting.normal !== 0);
  await close()
})
