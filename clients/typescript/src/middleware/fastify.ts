/** A hook for Fastify. */

import type { IncomingMessage } from 'node:http'

import { decide, type RouteOptions } from './rule.js'

/** A request of Fastify, as far as it is used here. */
export interface FastifyRequestLike {
  readonly ip: string
  readonly raw: IncomingMessage
}

/** A reply of Fastify, as far as it is used here. */
export interface FastifyReplyLike {
  code(status: number): unknown
  header(name: string, value: string): unknown
  send(body: string): unknown
}

/**
 * Limits requests, as a hook of the whole server or of a route.
 *
 * ```ts
 * app.addHook('onRequest', rateLimit({ limiter, limit: 100, window: '60s', key: (request) => `ip:${request.ip}` }))
 * ```
 */
export function rateLimit<Request extends FastifyRequestLike>(
  options: RouteOptions<Request>
): (request: Request, reply: FastifyReplyLike) => Promise<unknown> {
  return async (request, reply) => {
    const verdict = await decide(options, request)
    if (!verdict) return undefined
    for (const [name, value] of Object.entries(verdict.headers)) reply.header(name, value)
    if (verdict.allowed) return undefined
    reply.code(verdict.status)
    return reply.send(verdict.body)
  }
}
