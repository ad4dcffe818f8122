/** Answers of this package in the place of the provider's. Their bodies are what SDKs expect of an error. */

import type { Denied } from '../denied.js'
import type { Busy, Unavailable } from '../errors.js'

/** The header field that marks answers that the provider did not give. */
export const MARK = 'redis-rl'

/** The answer to a request that was denied: the time that it could wait is over. */
export function denied(error: Denied | Busy): Response {
  const ms = 'retryAfterMs' in error ? error.retryAfterMs : 1_000
  const retry = Number.isFinite(ms) ? { 'retry-after': String(Math.ceil(ms / 1_000)), 'retry-after-ms': String(ms) } : {}
  return refusal(429, 'denied', 'rate_limit_error', error.message, retry)
}

/** The answer to a request about which nothing could be decided, and that `fail: 'closed'` denies. */
export function undecided(error: Unavailable): Response {
  return refusal(503, 'unavailable', 'api_error', error.message, { 'retry-after': '1' })
}

function refusal(status: number, mark: string, type: string, message: string, headers: Record<string, string>): Response {
  const body = { type: 'error', error: { type, code: type, message: `redis-rl: ${message}` } }
  // The request has waited already, so the SDK's own retries would only ask again too early.
  return Response.json(body, { status, headers: { ...headers, [MARK]: mark, 'x-should-retry': 'false' } })
}
