/**
 * Rate limits for redis-rl: typed calls, waiting, reservations as scopes, and a `fetch` that keeps an LLM SDK within its limits.
 *
 * ```ts
 * import { Limiter } from 'redis-rl'
 * const limiter = new Limiter('redis://localhost')
 * const { allowed, retryAfterMs } = await limiter.slide('api:anthropic', 500, '60s')
 * ```
 *
 * @packageDocumentation
 */

export { Limiter, type LimiterOptions } from './limiter.js'
export type { Server, ConnectOptions } from './connect.js'
export { Reservation, type ReserveOptions } from './reservation.js'
export type { Decision, Figure, FirstDecision, KeyInfo, LimitState, Parameters, Peeked, QuotaDecision, TopKey } from './answers.js'
export { Denied } from './denied.js'
export { Busy, Invalid, NoPolicy, RlError, Unavailable, Unsupported, WrongType, type Cause } from './errors.js'
export type { Duration, WindowLength } from './duration.js'
export type { Key, Lane } from './commands/command.js'
export type { Left, SyncOptions } from './commands/feedback.js'
export type { InflightLimit, Limit, RateLimit } from './commands/limits.js'
export type { TopOptions } from './commands/look.js'
export type { CallOptions, Costs, WaitOptions } from './commands/options.js'
export type { KeyPolicy, QuotaOptions } from './commands/quota.js'
export type { BucketOptions, SingleOptions, WindowOptions } from './commands/single.js'
export type { NodeRedis } from './connections/node-redis.js'
export type { IoRedis } from './connections/ioredis.js'
export { limitFetch, type LimitFetchOptions } from './limit-fetch.js'
export type { GateOptions, PolicyChoice } from './llm/gate.js'
export type { HeaderSource } from './profiles/read.js'
export type { Profile } from './profiles/profile.js'
export type { Stats } from './stats.js'
