/** A reservation as a scope: it renews itself, and settles when the scope ends. */

import type { FirstDecision, QuotaDecision } from './answers.js'
import type { Key } from './commands/command.js'
import type { Left, SyncOptions } from './commands/feedback.js'
import type { Limit } from './commands/limits.js'
import type { Costs } from './commands/options.js'
import type { KeyPolicy, QuotaOptions } from './commands/quota.js'
import { Denied } from './denied.js'
import { timerMs, type Duration } from './duration.js'
import { Invalid } from './errors.js'
import { profile as profileOf, type Profile } from './profiles/profile.js'
import { readHeaders, type HeaderSource } from './profiles/read.js'
import type { Stats } from './stats.js'

/** The options of a reservation. */
export interface ReserveOptions extends Omit<QuotaOptions, 'reserve' | 'short'> {
  /** How long the reservation lasts if this process dies. While the scope is open, it is renewed. Default: `60s`. */
  ttl?: Duration | undefined
}

/** The calls of a limiter that a reservation makes. */
export interface Reserver {
  readonly stats: Stats
  quota(key: Key, rules: string | readonly Limit[], options: QuotaOptions): Promise<QuotaDecision>
  mquota(keys: readonly KeyPolicy[], options: QuotaOptions): Promise<QuotaDecision>
  first(keys: readonly KeyPolicy[], options: QuotaOptions): Promise<FirstDecision>
  settle(key: Key, id: string, cost?: Costs): Promise<boolean>
  cancel(key: Key, id: string): Promise<boolean>
  renew(key: Key, id: string, ttl: Duration): Promise<boolean>
  hold(key: Key, duration: Duration, limits?: readonly string[]): Promise<number>
  syncQuota(key: Key, left: Readonly<Record<string, Left>>, options?: SyncOptions): Promise<Record<string, number>>
  background(work: Promise<unknown>): void
}

/** Makes a reservation. */
export async function reserve(
  limiter: Reserver,
  key: Key | readonly KeyPolicy[],
  rules: string | readonly Limit[] | null,
  options: ReserveOptions
): Promise<Reservation> {
  const isMany = typeof key !== 'string' && !(key instanceof Uint8Array)
  const keys = isMany ? key.map((of) => of.key) : [key]
  return open(limiter, keys, options, async (asked) => {
    if (isMany) return { decision: await limiter.mquota(key, asked), holders: keys }
    if (rules === null) throw new Invalid('a reservation of one key needs a policy or limits')
    return { decision: await limiter.quota(key, rules, asked), holders: keys }
  })
}

/** Makes a reservation at the first key that admits. */
export function reserveFirst(limiter: Reserver, of: readonly KeyPolicy[], options: ReserveOptions): Promise<Reservation> {
  const keys = of.map(({ key }) => key)
  return open(limiter, keys, options, async (asked) => {
    const decision = await limiter.first(of, asked)
    return { decision, holders: keys.slice(decision.index, decision.index + 1) }
  })
}

/** Asks for a reservation. `ask` returns the decision, and the keys that hold the reservation if it is admitted. */
async function open(
  limiter: Reserver,
  keys: readonly Key[],
  { ttl = '60s', id = crypto.randomUUID(), ...options }: ReserveOptions,
  ask: (asked: QuotaOptions) => Promise<{ decision: QuotaDecision; holders: readonly Key[] }>
): Promise<Reservation> {
  // An admission whose answer did not come is given back: the server may have made it.
  const giveBack = () => keys.forEach((key) => limiter.background(limiter.cancel(key, id)))
  let asked
  try {
    asked = await ask({ ...options, reserve: ttl, id })
  } catch (error) {
    if (options.signal?.aborted) giveBack()
    throw error
  }
  const { decision, holders } = asked
  if (!decision.allowed) {
    if (decision.degraded) giveBack()
    throw decision.degraded ?? new Denied(decision)
  }
  return new Reservation(limiter, holders, id, ttl, decision)
}

/** Costs that are reserved until the scope ends. */
export class Reservation {
  /** The id of the reservation, the same on all keys. */
  readonly id: string
  /** The decision that admitted it. */
  readonly decision: QuotaDecision
  readonly #limiter: Reserver
  readonly #keys: readonly Key[]
  readonly #ttl: Duration
  readonly #timer: ReturnType<typeof setInterval>
  #isOpen = true
  #used: Costs | undefined

  /** @internal `limiter.reserve` makes them. */
  constructor(limiter: Reserver, keys: readonly Key[], id: string, ttl: Duration, decision: QuotaDecision) {
    this.#limiter = limiter
    this.#keys = keys
    this.id = id
    this.#ttl = ttl
    this.decision = decision
    this.#timer = setInterval(() => this.#keepAlive(), Math.max(1, timerMs(ttl, 'ttl') / 3))
    if (typeof this.#timer === 'object') this.#timer.unref()
  }

  /** Of `reserveFirst`: which key admits, from 0 in the order given. Else 0. */
  get index(): number {
    return (this.decision as Partial<FirstDecision>).index ?? 0
  }

  /** Whether the scope is open: not settled, not cancelled, not left. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Sets what the end of the scope settles at. Units that are never set stay as they were reserved. */
  use(costs: Costs): void {
    this.#used = { ...this.#used, ...costs }
  }

  /** Settles now, at `costs` and what `use` has set. Answers whether the reservation was open. */
  settle(costs?: Costs): Promise<boolean> {
    if (costs) this.use(costs)
    return this.#end((key) => this.#limiter.settle(key, this.id, this.#used))
  }

  /** Gives everything back, as after a request that was never sent. Answers whether the reservation was open. */
  cancel(): Promise<boolean> {
    return this.#end((key) => this.#limiter.cancel(key, this.id))
  }

  /** Makes the reservation last for `ttl` from now on. The scope does it by itself. */
  async renew(ttl: Duration = this.#ttl): Promise<boolean> {
    if (!this.#isOpen) return false
    const renewed = await Promise.all(this.#keys.map((key) => this.#limiter.renew(key, this.id, ttl)))
    return renewed.every(Boolean)
  }

  /** Holds the keys: nobody is admitted before, as after a `retry-after`. */
  async hold(duration: Duration): Promise<void> {
    await Promise.all(this.#keys.map((key) => this.#limiter.hold(key, duration)))
  }

  /**
   * Tells what the headers of a provider's answer say: what is left, and how long to hold. Only for a single key.
   *
   * `provider` names its profile, and `age` says how long ago the request was sent.
   */
  async sync(headers: HeaderSource, provider: string | Profile, options: SyncOptions = {}): Promise<void> {
    const profile = typeof provider === 'string' ? profileOf(provider) : provider
    const { limits, holdMs } = readHeaders(profile, headers, Date.now())
    const [key] = this.#keys
    if (key === undefined || this.#keys.length > 1) throw new Invalid('headers are about a single key')
    const left: Record<string, Left> = {}
    for (const { names, remaining, of, resetMs } of limits) {
      const name = names.find((name) => name in this.decision.limits)
      if (name !== undefined) left[name] = { remaining, of: of ?? undefined, reset: resetMs === null ? undefined : `${resetMs}ms` }
    }
    const told = [holdMs !== null && this.hold(`${holdMs}ms`), Object.keys(left).length > 0 && this.#limiter.syncQuota(key, left, options)]
    await Promise.all(told)
  }

  /** Ends the scope: settles at what `use` has set. Without it the estimate stays charged, as the outcome is not known. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.settle()
    } catch {
      this.#limiter.stats.unsettled += 1
    }
  }

  async #end(how: (key: Key) => Promise<boolean>): Promise<boolean> {
    if (!this.#isOpen) return false
    this.#isOpen = false
    clearInterval(this.#timer)
    const ended = await Promise.all(this.#keys.map(how))
    return ended.some(Boolean)
  }

  #keepAlive(): void {
    this.#limiter.background(this.renew())
  }
}
