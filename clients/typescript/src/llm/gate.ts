/** The limit in front of calls of models: it reserves, stands in line again after a refusal, and settles. */

import type { WaitOptions } from '../commands/options.js'
import type { Limit } from '../commands/limits.js'
import { milliseconds, type Duration } from '../duration.js'
import type { Limiter } from '../limiter.js'
import { profile as profileOf, type Profile } from '../profiles/profile.js'
import type { HeaderSource } from '../profiles/read.js'
import type { Reservation } from '../reservation.js'
import { refusedCosts, reservedCosts, settledCosts } from './costs.js'
import { OutputEstimate } from './output.js'
import { KnownPolicies } from './policies.js'
import type { Unit } from './units.js'
import { tell } from './upstream.js'
import type { Usage } from './usage.js'

/** The policy of a request: a name, or chosen by the model. Without one, the request is not limited. */
export type PolicyChoice = string | Readonly<Record<string, string>> | ((model: string) => string | undefined)

/** The options of the limit. */
export interface GateOptions extends WaitOptions {
  /** The policy. Default: that of the limiter. */
  policy?: PolicyChoice | undefined
  /** The key. Default: the name of the policy. */
  key?: string | ((model: string, policy: string) => string) | undefined
  /** The name of the provider's profile. Default: by the host of the URL, or by the provider of the model. */
  provider?: string | undefined
  /** Estimates the tokens of the input. Default: a quarter of the bytes of its text. */
  estimate?: ((body: Readonly<Record<string, any>>, model: string) => number) | undefined
  /** The output to reserve until the first calls have shown what they produce, in tokens. Default: 500. */
  expectedOutput?: number | undefined
  /** The share of each limit that is left to the provider, as the word of its headers comes late. Default: 0.03, and 0.05 of a bucket. */
  margin?: number | undefined
  /** How long a request may wait in line, in all its attempts together. Default: `60s`. */
  wait?: Duration | undefined
  /** How long a reservation lasts if this process dies. Default: `60s`. */
  ttl?: Duration | undefined
  /** How often a request is sent at most, if the provider refuses it. Default: 8. */
  attempts?: number | undefined
  /** The answer if the server cannot decide. Default: that of the limiter. */
  fail?: 'open' | 'closed' | undefined
}

/** A call of a model. */
export interface ModelCall {
  readonly profile: Profile
  readonly policy: string
  readonly key: string
  readonly units: readonly Unit[]
  readonly limits: readonly Limit[]
  readonly output: OutputEstimate
  readonly input: number
  readonly maxOutput: number | null
  readonly signal: AbortSignal | null
  /** When its time to wait is over, by `performance.now`. */
  readonly waitEnd: number
}

/** What a provider answered to an attempt. */
export interface Attempt<Answer> {
  readonly answer: Answer
  /** The headers of a refusal; null if the provider took the request. */
  readonly refusal: HeaderSource | null
}

export class Gate {
  readonly #limiter: Limiter
  readonly #options: GateOptions
  readonly #policies: KnownPolicies
  readonly #outputs = new Map<string, OutputEstimate>()
  readonly #waitMs: number

  constructor(limiter: Limiter, options: GateOptions) {
    this.#limiter = limiter
    this.#options = options
    this.#policies = new KnownPolicies(limiter)
    this.#waitMs = milliseconds(options.wait ?? '60s', 'wait')
  }

  /** Returns the policy of a model; undefined if it is not limited. */
  policyOf(model: string): string | undefined {
    const choice = this.#options.policy ?? this.#limiter.policyName
    if (typeof choice === 'function') return choice(model)
    if (typeof choice === 'object') return Object.hasOwn(choice, model) ? choice[model] : undefined
    if (choice === undefined) throw new TypeError('a policy is needed: name one in the options or in those of the limiter')
    return choice
  }

  /** Gathers what a call of a model needs. `provider` names the profile if the options name none. */
  async call(
    policy: string,
    model: string,
    provider: string,
    { input, maxOutput, signal }: Pick<ModelCall, 'input' | 'maxOutput' | 'signal'>
  ): Promise<ModelCall> {
    const { key: choice } = this.#options
    const key = typeof choice === 'function' ? choice(model, policy) : (choice ?? policy)
    const output = this.#outputs.get(key) ?? new OutputEstimate(this.#options.expectedOutput ?? 500)
    this.#outputs.set(key, output)
    const waitEnd = performance.now() + this.#waitMs
    const profile = profileOf(this.#options.provider ?? provider)
    const { units, limits } = await this.#policies.of(policy)
    return { policy, key, profile, units, limits, output, input, maxOutput, signal, waitEnd }
  }

  /**
   * Reserves and sends until the provider takes the request. `send` is told when, by `performance.now`. `discard` drops the answer of
   * a refusal that is not returned.
   *
   * Returns the last refusal if the time to wait is over. If there was none, it throws why the request was not admitted.
   */
  async attempts<Answer>(
    call: ModelCall,
    send: (reserved: Reservation, sent: number) => Promise<Attempt<Answer>>,
    discard: (answer: Answer) => unknown
  ): Promise<Answer> {
    const most = this.#options.attempts ?? 8
    let refused: Attempt<Answer> | undefined
    for (let attempt = 1; ; attempt += 1) {
      let reserved: Reservation
      try {
        reserved = await this.#reserve(call)
      } catch (error) {
        if (refused && !call.signal?.aborted) return refused.answer
        throw error
      }
      if (refused) await discard(refused.answer)
      const sent = performance.now()
      refused = await send(reserved, sent)
      if (!refused.refusal) return refused.answer
      const isHeld = await this.#refused(call, reserved, refused.refusal, sent)
      if (attempt >= most || performance.now() >= call.waitEnd) return refused.answer
      // If the server could not hold the key, this request keeps away by itself.
      if (!isHeld) await pause(Math.min(250 * 2 ** attempt, 8_000) * (0.5 + Math.random() / 2), call.signal)
    }
  }

  /** Settles a call of which this was used, in the background. `isComplete`: it counts for the output of later calls. */
  settle({ profile, units, output }: ModelCall, reserved: Reservation, usage: Usage, isComplete: boolean): void {
    if (isComplete && usage.output !== undefined) output.add(usage.output)
    this.#end(reserved.settle(settledCosts(profile, units, usage)))
  }

  /** Settles a request that was wrong: it used no tokens. */
  wrong({ units }: ModelCall, reserved: Reservation): void {
    this.#end(reserved.settle(refusedCosts(units)))
  }

  /** Settles a request whose outcome is not known: its estimate stays charged. */
  unknown(reserved: Reservation): void {
    this.#end(reserved.settle())
  }

  /** Gives back the reservation of a request that was never sent. */
  notSent(reserved: Reservation): void {
    this.#end(reserved.cancel())
  }

  /** Tells the server what the headers of the answer to a request say, in the background. `sent` is when it was sent. */
  sync(call: ModelCall, headers: HeaderSource, sent: number): void {
    this.#limiter.background(tell(this.#limiter, call, { headers, sent, isRefusal: false }, this.#options.margin))
  }

  /** Stands in line, and reserves what the call may use. */
  #reserve({ profile, policy, key, units, output, input, maxOutput, signal, waitEnd }: ModelCall): Promise<Reservation> {
    const { priority, flow, weight, ttl, fail } = this.#options
    const wait: Duration = `${Math.max(1, Math.round(waitEnd - performance.now()))}ms`
    const cost = reservedCosts(profile, units, { input, maxOutput, expectOutput: (most) => output.reserve(most) })
    return this.#limiter.reserve(key, policy, { cost, wait, priority, flow, weight, ttl, fail, signal })
  }

  /** Tells the server of a refusal. The attempt stays charged as the profile says. Returns false if the server could not be told. */
  async #refused(call: ModelCall, reserved: Reservation, headers: HeaderSource, sent: number): Promise<boolean> {
    try {
      // The hold comes first, so that what is given back admits nobody.
      await tell(this.#limiter, call, { headers, sent, isRefusal: true }, this.#options.margin)
      await (call.profile.refused.counts === false ? reserved.cancel() : reserved.settle(refusedCosts(call.units)))
      return true
    } catch {
      this.#limiter.stats.unsettled += 1
      this.unknown(reserved)
      return false
    }
  }

  #end(settled: Promise<boolean>): void {
    this.#limiter.background(settled.catch(() => (this.#limiter.stats.unsettled += 1)))
  }
}

function pause(ms: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => (clearTimeout(timer), reject(signal?.reason))
    const timer = setTimeout(() => (signal?.removeEventListener('abort', abort), resolve()), ms)
    signal?.addEventListener('abort', abort)
  })
}
