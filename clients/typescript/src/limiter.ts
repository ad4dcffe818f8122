/** The limiter: the calls of this package. */

import type { Decision, FirstDecision, KeyInfo, Peeked, QuotaDecision, TopKey } from './answers.js'
import type { Command, Key } from './commands/command.js'
import { hold, refund, sync, syncQuota, type Left, type SyncOptions } from './commands/feedback.js'
import type { Limit } from './commands/limits.js'
import { info, peek, top, topReset, type TopOptions } from './commands/look.js'
import type { CallOptions, Costs } from './commands/options.js'
import { deleteOverride, deletePolicy, override, overrides, policies, policy, setOverride, setPolicy } from './commands/policy.js'
import { first, mquota, quota, type KeyPolicy, type QuotaOptions } from './commands/quota.js'
import { cancel, renew, settle } from './commands/reservation.js'
import { bucket, slide, window, type BucketOptions, type SingleOptions, type WindowOptions } from './commands/single.js'
import { connect, type ConnectOptions, type Server } from './connect.js'
import type { Connection } from './connections/connection.js'
import { timerMs, type Duration, type WindowLength } from './duration.js'
import { Unavailable } from './errors.js'
import { reserve, reserveFirst, type Reservation, type ReserveOptions } from './reservation.js'
import { newStats, type Stats } from './stats.js'

/** The options of a limiter. Those of a call replace them. */
export interface LimiterOptions extends ConnectOptions {
  /** The policy of `limitFetch` and of middleware that name none. */
  policy?: string | undefined
  /** The answer of a decision if the server cannot decide: `closed` denies it, `open` admits it. Default: `closed`. */
  fail?: 'open' | 'closed' | undefined
  /** The longest time until an answer, beyond `wait`. Default: `1s`. */
  timeout?: Duration | undefined
}

/** How long after a denial without a decision to ask again, in ms. */
const RETRY_DEGRADED_MS = 1_000

/**
 * Asks for admission, and tells what was used. It holds no limits itself: a server with the module does, or rl-coordinator.
 *
 * ```ts
 * const limiter = new Limiter('redis://localhost')
 * const { allowed, retryAfterMs } = await limiter.slide('api:anthropic', 500, '60s')
 * ```
 */
export class Limiter {
  /** The policy of `limitFetch` and of middleware that name none. */
  readonly policyName: string | undefined
  /** What could not be decided so far. */
  readonly stats: Stats = newStats()
  readonly #fail: 'open' | 'closed'
  readonly #timeoutMs: number
  readonly #background = new Set<Promise<unknown>>()
  #connection: Connection | Promise<Connection>

  /** `server` is a URL (`redis://`, `rediss://`, `redis+unix://`, `http://`, `https://`), or your client or cluster. */
  constructor(server: Server, options: LimiterOptions = {}) {
    this.policyName = options.policy
    this.#fail = options.fail ?? 'closed'
    this.#timeoutMs = timerMs(options.timeout ?? '1s', 'timeout')
    this.#connection = connect(server, options)
  }

  /** RL.SLIDE: at most `limit` in every interval of the length `window`. */
  slide(key: Key, limit: number, window: Duration, options: SingleOptions = {}): Promise<Decision> {
    return this.#decideOne(() => slide(key, limit, window, options), options)
  }

  /** RL.WINDOW: at most `limit` in each window of the clock. */
  window(key: Key, limit: number, length: WindowLength, options: WindowOptions = {}): Promise<Decision> {
    return this.#decideOne(() => window(key, limit, length, options), options)
  }

  /** RL.BUCKET: `capacity` at once, and `refill` more in each `period`. A decimal refill may be text, such as `'8.33'`. */
  bucket(key: Key, capacity: number, refill: number | string, options: BucketOptions = {}): Promise<Decision> {
    return this.#decideOne(() => bucket(key, capacity, refill, options), options)
  }

  /** RL.QUOTA: many limits, all or nothing; by the name of a policy or by limits. */
  quota(key: Key, rules: string | readonly Limit[], options: QuotaOptions = {}): Promise<QuotaDecision> {
    return this.#decideMany(() => quota(key, rules, options), options)
  }

  /** RL.MQUOTA: several keys, each under its policy, all or nothing. */
  mquota(keys: readonly KeyPolicy[], options: QuotaOptions = {}): Promise<QuotaDecision> {
    return this.#decideMany(() => mquota(keys, options), options)
  }

  /** RL.FIRST: several keys, each under its policy, in the order given. The first that admits is charged; `index` says which it is. */
  first(keys: readonly KeyPolicy[], options: QuotaOptions = {}): Promise<FirstDecision> {
    const make = () => first(keys, options)
    return this.#ask(make, options).catch((error) => {
      const made = this.#degraded(error, options)
      return { blocking: [], limits: {}, index: made.allowed ? 0 : -1, ...made }
    })
  }

  /**
   * Reserves costs for the time of a scope. The scope renews the reservation, and settles it when it ends.
   *
   * ```ts
   * await using call = await limiter.reserve('q:claude', 'claude-sonnet', { cost: { output: 4096 }, wait: '20s' })
   * call.use({ output: (await ask()).usage.output_tokens })
   * ```
   * With `body`, the scope is the time of the function, and its result is returned.
   *
   * @throws Denied if the request is not admitted.
   */
  reserve(key: Key | readonly KeyPolicy[], rules: string | readonly Limit[] | null, options?: ReserveOptions): Promise<Reservation>
  reserve<Result>(
    key: Key | readonly KeyPolicy[],
    rules: string | readonly Limit[] | null,
    options: ReserveOptions,
    body: (call: Reservation) => Promise<Result>
  ): Promise<Result>
  async reserve<Result>(
    key: Key | readonly KeyPolicy[],
    rules: string | readonly Limit[] | null,
    options: ReserveOptions = {},
    body?: (call: Reservation) => Promise<Result>
  ): Promise<Result | Reservation> {
    return within(await reserve(this, key, rules, options), body)
  }

  /**
   * `reserve` at the first of several keys that admits. The `index` of the scope says which it is.
   *
   * @throws Denied if no key admits the request.
   */
  reserveFirst(keys: readonly KeyPolicy[], options?: ReserveOptions): Promise<Reservation>
  reserveFirst<Result>(keys: readonly KeyPolicy[], options: ReserveOptions, body: (call: Reservation) => Promise<Result>): Promise<Result>
  async reserveFirst<Result>(
    keys: readonly KeyPolicy[],
    options: ReserveOptions = {},
    body?: (call: Reservation) => Promise<Result>
  ): Promise<Result | Reservation> {
    return within(await reserveFirst(this, keys, options), body)
  }

  /** RL.SETTLE: what a reservation really used. Units without a cost stay as they were reserved. */
  settle(key: Key, id: string, cost?: Costs, options: CallOptions = {}): Promise<boolean> {
    return this.#ask(() => settle(key, id, cost), options)
  }

  /** RL.CANCEL: gives everything back. */
  cancel(key: Key, id: string, options: CallOptions = {}): Promise<boolean> {
    return this.#ask(() => cancel(key, id), options)
  }

  /** RL.RENEW: makes a reservation last for `ttl` from now on. */
  renew(key: Key, id: string, ttl: Duration, options: CallOptions = {}): Promise<boolean> {
    return this.#ask(() => renew(key, id, ttl), options)
  }

  /** RL.HOLD: admits nobody for `duration`; `0s` lifts the hold. Answers the ms until it ends. */
  hold(key: Key, duration: Duration, limits: readonly string[] = [], options: CallOptions = {}): Promise<number> {
    return this.#ask(() => hold(key, duration, limits), options)
  }

  /** RL.SYNC for a key of one limit: only so much is left by somebody else's count. Answers what others use. */
  sync(key: Key, left: Left, options: SyncOptions = {}): Promise<number> {
    return this.#ask(() => sync(key, left, options.age), options)
  }

  /** RL.SYNC for a quota, by limit. */
  syncQuota(key: Key, left: Readonly<Record<string, Left>>, options: SyncOptions = {}): Promise<Record<string, number>> {
    return this.#ask(() => syncQuota(key, left, options.age), options)
  }

  /** RL.REFUND: gives cost back to a key of one limit. Answers what remains. */
  refund(key: Key, cost: number, options: CallOptions = {}): Promise<number> {
    return this.#ask(() => refund(key, cost), options)
  }

  /** RL.PEEK: would a request of this cost be admitted now? Changes nothing; null if there is no key. */
  peek(key: Key, cost?: number | Costs, options: CallOptions = {}): Promise<Peeked> {
    return this.#ask(() => peek(key, cost), options)
  }

  /** RL.INFO: everything about a key; null if there is none. */
  info(key: Key, options: CallOptions = {}): Promise<KeyInfo | null> {
    return this.#ask(() => info(key), options)
  }

  /** RL.TOP: the keys with most denied, admitted or held requests. */
  top(options: TopOptions & CallOptions = {}): Promise<TopKey[]> {
    return this.#ask(() => top(options), options)
  }

  /** RL.TOP RESET */
  topReset(options: CallOptions = {}): Promise<void> {
    return this.#ask(topReset, options)
  }

  /** RL.POLICY LIST: the names of all policies. */
  policies(options: CallOptions = {}): Promise<string[]> {
    return this.#ask(policies, options)
  }

  /** RL.POLICY GET: the limits of a policy, as `setPolicy` takes them; null if there is none. */
  policy(name: string, options: CallOptions = {}): Promise<Limit[] | null> {
    return this.#ask(() => policy(name), options)
  }

  /** RL.POLICY SET. For operators. */
  setPolicy(name: string, limits: readonly Limit[], options: CallOptions = {}): Promise<void> {
    return this.#ask(() => setPolicy(name, limits), options)
  }

  /** RL.POLICY DEL. For operators. Answers whether there was such a policy. */
  deletePolicy(name: string, options: CallOptions = {}): Promise<boolean> {
    return this.#ask(() => deletePolicy(name), options)
  }

  /** RL.POLICY OVERRIDES: the keys that have limits of their own under a policy; null if there is no such policy. For operators. */
  overrides(name: string, options: CallOptions = {}): Promise<string[] | null> {
    return this.#ask(() => overrides(name), options)
  }

  /** RL.POLICY OVERRIDES … KEY: the limits of one key under a policy; null if it has none of its own. For operators. */
  override(name: string, key: Key, options: CallOptions = {}): Promise<Limit[] | null> {
    return this.#ask(() => override(name, key), options)
  }

  /** RL.POLICY OVERRIDE: gives one key limits of its own under a policy, instead of those of the policy. For operators. */
  setOverride(name: string, key: Key, limits: readonly Limit[], options: CallOptions = {}): Promise<void> {
    return this.#ask(() => setOverride(name, key, limits), options)
  }

  /** RL.POLICY OVERRIDE … NONE: the key goes by the policy again. For operators. */
  deleteOverride(name: string, key: Key, options: CallOptions = {}): Promise<void> {
    return this.#ask(() => deleteOverride(name, key), options)
  }

  /** Runs work that nobody waits for. `close` does. Its errors are the work's own to handle. */
  background(work: Promise<unknown>): void {
    const done = work.catch(() => {}).finally(() => this.#background.delete(done))
    this.#background.add(done)
  }

  /** Waits for work under way, such as settling, then closes the connections that the limiter has opened. */
  async close(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background)
    const connection = await this.#connection
    connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Makes a call. `make` reads the caller's arguments, and so may throw. */
  async #ask<Answer>(make: () => Command<Answer>, { timeout, signal }: CallOptions): Promise<Answer> {
    const timeoutMs = timeout === undefined ? this.#timeoutMs : timerMs(timeout, 'timeout')
    const command = make()
    if (this.#connection instanceof Promise) this.#connection = await this.#connection
    try {
      return await this.#connection.call(command, { timeoutMs, signal })
    } catch (error) {
      if (error instanceof Unavailable) {
        this.stats.unavailable[error.reason] = (this.stats.unavailable[error.reason] ?? 0) + 1
      }
      throw error
    }
  }

  #decideOne(make: () => Command<Decision>, options: CallOptions): Promise<Decision> {
    return this.#ask(make, options).catch((error) => ({ limit: 0, remaining: 0, resetAfterMs: 0, ...this.#degraded(error, options) }))
  }

  #decideMany(make: () => Command<QuotaDecision>, options: CallOptions): Promise<QuotaDecision> {
    return this.#ask(make, options).catch((error) => ({ blocking: [], limits: {}, ...this.#degraded(error, options) }))
  }

  /** The decision that `fail` makes; throws what is no matter of `fail`. */
  #degraded(error: unknown, options: CallOptions): { allowed: boolean; retryAfterMs: number; degraded: Unavailable } {
    if (!(error instanceof Unavailable)) throw error
    const allowed = (options.fail ?? this.#fail) === 'open'
    this.stats[allowed ? 'degradedOpen' : 'degradedClosed'] += 1
    return { allowed, retryAfterMs: allowed ? 0 : RETRY_DEGRADED_MS, degraded: error }
  }
}

/** Runs a function within a scope, or returns the scope if there is none. */
async function within<Result>(call: Reservation, body?: (call: Reservation) => Promise<Result>): Promise<Result | Reservation> {
  if (!body) return call
  try {
    return await body(call)
  } finally {
    await call[Symbol.asyncDispose]()
  }
}
