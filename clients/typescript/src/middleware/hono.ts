/** Middleware for Hono, on all its runtimes. Where there are no sockets, give the limiter the URL of rl-coordinator. */

import { decide, type RouteOptions } from './rule.js'

/** A context of Hono, as far as it is used here. */
export interface HonoContext {
  readonly req: { readonly raw: Request }
  header(name: string, value: string): void
}

/**
 * Limits the requests of a route.
 *
 * ```ts
 * app.use(rateLimit({ limiter, limit: 100, window: '60s', key: (c) => `user:${c.req.header('x-user')}` }))
 * ```
 */
export function rateLimit<Context extends HonoContext>(
  options: RouteOptions<Context>
): (context: Context, next: () => Promise<void>) => Promise<Response | void> {
  return async (context, next) => {
    const verdict = await decide(options, context, context.req.raw.signal)
    if (verdict && !verdict.allowed) return new Response(verdict.body, { status: verdict.status, headers: verdict.headers })
    for (const [name, value] of Object.entries(verdict?.headers ?? {})) context.header(name, value)
    await next()
  }
}
