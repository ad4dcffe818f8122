/** What all middleware for web servers shares: the rule, the decision, and the header fields that tell it. */

import type { LimitState } from '../answers.js'
import type { CallOptions, Costs, WaitOptions } from '../commands/options.js'
import { milliseconds, type Duration } from '../duration.js'
import { Busy, Unavailable } from '../errors.js'
import type { Limiter } from '../limiter.js'

/** The limit of a route, for each key. */
export interface RouteLimit {
  limit: number
  window: Duration
  /** Default: `slide`. */
  algorithm?: 'slide' | 'window' | 'bucket' | undefined
  /** Of a bucket: the most at once. Default: the limit. */
  capacity?: number | undefined
  /** The name of the limit in the header fields. Default: `default`. */
  name?: string | undefined
}

/** The options of middleware. `Request` is that of the framework. */
export type RouteOptions<Request> = Omit<CallOptions, 'signal'> &
  WaitOptions &
  (RouteLimit | { policy?: string | undefined }) & {
    limiter: Limiter
    /** Whose request it is: a key for each client or tenant. */
    key: (request: Request) => string | Promise<string>
    /** What a request consumes: with a policy by unit. */
    cost?: number | Costs | ((request: Request) => number | Costs) | undefined
    /** Requests that are not limited. */
    skip?: ((request: Request) => boolean) | undefined
  }

/** What is answered to a request. */
export interface Verdict {
  readonly allowed: boolean
  /** 200 if allowed, 429 if denied, 503 if nothing could be decided. */
  readonly status: number
  /** Header fields for the answer, whether allowed or not. */
  readonly headers: Readonly<Record<string, string>>
  /** The body of a denial: problem details (RFC 9457). */
  readonly body: string
}

/** Decides about a request. Returns null if it is not limited. */
export async function decide<Request>(options: RouteOptions<Request>, request: Request, signal?: AbortSignal): Promise<Verdict | null> {
  if (options.skip?.(request)) return null
  const key = await options.key(request)
  const cost = typeof options.cost === 'function' ? options.cost(request) : options.cost
  try {
    return 'limit' in options ? await decideLimit(options, key, cost, signal) : await decidePolicy(options, key, cost, signal)
  } catch (error) {
    if (error instanceof Busy) return refused(503, error.message, 1_000, {})
    throw error
  }
}

type Options = RouteOptions<never>

async function decideLimit(options: Options & RouteLimit, key: string, cost: number | Costs | undefined, signal?: AbortSignal): Promise<Verdict> {
  const { limiter, limit, window, algorithm, capacity = limit, name = 'default' } = options
  const call = { ...options, signal, cost: typeof cost === 'object' ? cost['requests'] : cost }
  const decision = await (algorithm === 'bucket'
    ? limiter.bucket(key, capacity, limit, { ...call, period: window })
    : algorithm === 'window'
      ? limiter.window(key, limit, window, call)
      : limiter.slide(key, limit, window, call))
  const policy = `"${name}";q=${limit};w=${Math.ceil(milliseconds(window, 'window') / 1_000)}`
  return verdict(decision, { [name]: decision }, { 'RateLimit-Policy': policy })
}

async function decidePolicy(options: Options & { policy?: string | undefined }, key: string, cost: number | Costs | undefined, signal?: AbortSignal): Promise<Verdict> {
  const policy = options.policy ?? options.limiter.policyName
  if (policy === undefined) throw new TypeError('middleware needs a limit and a window, or a policy')
  const costs = typeof cost === 'number' ? { requests: cost } : cost
  const decision = await options.limiter.quota(key, policy, { ...options, signal, cost: costs })
  return verdict(decision, decision.limits, {})
}

function verdict(
  { allowed, retryAfterMs, degraded }: { allowed: boolean; retryAfterMs: number; degraded?: Unavailable },
  limits: Readonly<Record<string, LimitState>>,
  told: Record<string, string>
): Verdict {
  if (degraded && !allowed) return refused(503, 'the limit cannot be decided now', retryAfterMs, {})
  if (degraded) return { allowed, status: 200, headers: {}, body: '' }
  const items = Object.entries(limits).map(([name, { remaining, resetAfterMs }]) => `"${name}";r=${remaining};t=${Math.ceil(resetAfterMs / 1_000)}`)
  const headers = items.length > 0 ? { ...told, RateLimit: items.join(', ') } : told
  return allowed ? { allowed, status: 200, headers, body: '' } : refused(429, 'too many requests', retryAfterMs, headers)
}

function refused(status: number, detail: string, retryAfterMs: number, headers: Record<string, string>): Verdict {
  const retry = Number.isFinite(retryAfterMs) ? { 'Retry-After': String(Math.ceil(retryAfterMs / 1_000)) } : {}
  const title = status === 429 ? 'Too Many Requests' : 'Service Unavailable'
  const after = Number.isFinite(retryAfterMs) ? retryAfterMs : -1
  return {
    allowed: false,
    status,
    headers: { ...headers, ...retry, 'Content-Type': 'application/problem+json' },
    body: JSON.stringify({ type: 'about:blank', title, status, detail, retry_after_ms: after })
  }
}
