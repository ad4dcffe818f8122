/** Middleware for Express, Connect and anything else that has their `(request, response, next)`. */

import type { IncomingMessage, ServerResponse } from 'node:http'

import { decide, type RouteOptions } from './rule.js'

/** A request of Express, as far as it is used here. */
export interface ExpressRequest extends IncomingMessage {
  ip?: string | undefined
}

/**
 * Limits the requests of a route.
 *
 * ```ts
 * app.use(rateLimit({ limiter, limit: 100, window: '60s', key: (request) => `ip:${request.ip}` }))
 * ```
 */
export function rateLimit<Request extends ExpressRequest>(
  options: RouteOptions<Request>
): (request: Request, response: ServerResponse, next: (error?: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    const gone = new AbortController()
    const leave = () => gone.abort()
    response.once('close', leave)
    try {
      const verdict = await decide(options, request, gone.signal)
      response.off('close', leave)
      for (const [name, value] of Object.entries(verdict?.headers ?? {})) response.setHeader(name, value)
      if (!verdict || verdict.allowed) return next()
      response.statusCode = verdict.status
      response.end(verdict.body)
    } catch (error) {
      // Nobody is there any more to be answered.
      if (!gone.signal.aborted) next(error)
    }
  }
}
