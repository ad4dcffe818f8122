/** Route handlers and middleware of Next.js, and any other handler of `Request` and `Response`. */

import { decide, type RouteOptions } from './rule.js'

/**
 * Returns a route handler with a limit in front.
 *
 * ```ts
 * export const GET = withRateLimit(handler, { limiter, limit: 100, window: '60s', key: (request) => `user:${userOf(request)}` })
 * ```
 */
export function withRateLimit<Incoming extends Request, Rest extends unknown[]>(
  handler: (request: Incoming, ...rest: Rest) => Response | Promise<Response>,
  options: RouteOptions<Incoming>
): (request: Incoming, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const verdict = await decide(options, request, request.signal)
    if (verdict && !verdict.allowed) return new Response(verdict.body, { status: verdict.status, headers: verdict.headers })
    const response = await handler(request, ...rest)
    return verdict ? withHeaders(response, verdict.headers) : response
  }
}

/**
 * Decides in `middleware.ts`, for many routes at once: returns the answer of a denial, or null.
 *
 * ```ts
 * export const middleware = async (request: NextRequest) => (await rateLimited(request, options)) ?? NextResponse.next()
 * ```
 */
export async function rateLimited<Incoming extends Request>(request: Incoming, options: RouteOptions<Incoming>): Promise<Response | null> {
  const verdict = await decide(options, request, request.signal)
  if (!verdict || verdict.allowed) return null
  return new Response(verdict.body, { status: verdict.status, headers: verdict.headers })
}

/** Adds header fields. Those of some answers, such as of `fetch` and redirects, cannot be changed: these are copied. */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  try {
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
    return response
  } catch {
    const { status, statusText } = response
    const copied = new Headers(response.headers)
    for (const [name, value] of Object.entries(headers)) copied.set(name, value)
    return new Response(response.body, { status, statusText, headers: copied })
  }
}
