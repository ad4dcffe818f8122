/** A `fetch` for the SDKs of LLM providers, with a limit in front. Callers of the SDK stay as they are. */

import type { WaitOptions } from '../commands/options.js'
import { Denied } from '../denied.js'
import { milliseconds, type Duration } from '../duration.js'
import { Busy, Unavailable } from '../errors.js'
import type { Limiter } from '../limiter.js'
import { profile as profileOf, type Profile } from '../profiles/profile.js'
import { readHeaders } from '../profiles/read.js'
import type { Reservation } from '../reservation.js'
import { refusedCosts, reservedCosts, settledCosts } from './costs.js'
import { meterOf, type Meter } from './meter.js'
import { OutputEstimate } from './output.js'
import { passing, type Ending } from './pass.js'
import { PolicyUnits } from './policies.js'
import { providerOf } from './providers.js'
import { denied, undecided } from './refusal.js'
import { estimateInput, readRequest, type LlmRequest } from './request.js'
import type { Unit } from './units.js'

/** The policy of a request: a name, or chosen by the model. Without one, the request is not limited. */
export type PolicyChoice = string | Readonly<Record<string, string>> | ((model: string) => string | undefined)

/** The options of `limitFetch`. */
export interface LimitFetchOptions extends WaitOptions {
  /** The policy. Default: that of the limiter. */
  policy?: PolicyChoice | undefined
  /** The key. Default: the name of the policy. */
  key?: string | ((model: string, policy: string) => string) | undefined
  /** The name of the provider's profile. Default: by the host of the URL. */
  provider?: string | undefined
  /** Estimates the tokens of the input. Default: a quarter of the bytes of its text. */
  estimate?: ((body: Readonly<Record<string, any>>, model: string) => number) | undefined
  /** How long a request may wait in line, in all its attempts together. Default: `60s`. */
  wait?: Duration | undefined
  /** How long a reservation lasts if this process dies. Default: `60s`. */
  ttl?: Duration | undefined
  /** How often a request is sent at most, if the provider refuses it. Default: 8. */
  attempts?: number | undefined
  /** The answer if the server cannot decide. Default: that of the limiter. */
  fail?: 'open' | 'closed' | undefined
  /** Sends the requests. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined
}

/** What a request needs for all its attempts. */
interface Call {
  readonly request: LlmRequest
  readonly profile: Profile
  readonly policy: string
  readonly key: string
  readonly units: readonly Unit[]
  readonly output: OutputEstimate
  readonly input: number
  readonly signal: AbortSignal | null
  /** When its time to wait is over, by `performance.now`. */
  readonly waitEnd: number
  send(): Promise<Response>
}

/** Failures before anything was sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])

/**
 * Returns a `fetch` that keeps the requests of an SDK within a policy.
 *
 * ```ts
 * const claude = new Anthropic({ fetch: limitFetch(new Limiter('redis://localhost', { policy: 'claude-sonnet' })), maxRetries: 0 })
 * ```
 */
export function limitFetch(limiter: Limiter, options: LimitFetchOptions = {}): typeof fetch {
  return new Transport(limiter, options).fetch
}

class Transport {
  readonly #limiter: Limiter
  readonly #options: LimitFetchOptions
  readonly #units: PolicyUnits
  readonly #outputs = new Map<string, OutputEstimate>()
  readonly #waitMs: number

  constructor(limiter: Limiter, options: LimitFetchOptions) {
    this.#limiter = limiter
    this.#options = options
    this.#units = new PolicyUnits(limiter)
    this.#waitMs = milliseconds(options.wait ?? '60s', 'wait')
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const send = this.#options.fetch ?? fetch
    const isRequest = input instanceof Request
    const url = new URL(isRequest ? input.url : String(input))
    const method = (init?.method ?? (isRequest ? input.method : 'GET')).toUpperCase()
    const request = await readRequest(url, method, init?.body ?? (isRequest ? input : null))
    const policy = request && this.#policy(request.model)
    if (!request || !policy) return send(input, init)
    const key = this.#key(request.model, policy)
    const call: Call = {
      request,
      policy,
      key,
      profile: profileOf(this.#options.provider ?? providerOf(url)),
      units: await this.#units.of(policy),
      output: this.#output(key),
      input: (this.#options.estimate ?? estimateInput)(request.body, request.model),
      signal: init?.signal ?? (isRequest ? input.signal : null),
      waitEnd: performance.now() + this.#waitMs,
      // The body of a Request can be sent once, so each attempt has a copy.
      send: () => send(isRequest ? input.clone() : input, init)
    }
    return this.#attempts(call)
  }

  /** Sends a request until the provider takes it. Returns the last refusal if the time to wait is over. */
  async #attempts(call: Call): Promise<Response> {
    const most = this.#options.attempts ?? 8
    let refused: Response | undefined
    for (let attempt = 1; ; attempt += 1) {
      const reserved = await this.#reserve(call)
      if (reserved instanceof Response) return refused ?? reserved
      await refused?.body?.cancel()
      const response = await this.#send(call, reserved)
      if (!call.profile.refused.statuses.includes(response.status)) return this.#taken(call, reserved, response)
      const holdMs = await this.#refused(call, reserved, response)
      if (attempt >= most || performance.now() >= call.waitEnd) return response
      refused = response
      // Without a word of the provider, only this request keeps away for a while. With one, the key is held for all.
      if (holdMs === null) await pause(Math.min(250 * 2 ** attempt, 8_000) * (0.5 + Math.random() / 2), call.signal)
    }
  }

  /** Stands in line for a request, and reserves what it may use. Returns an answer instead if it is denied. */
  async #reserve({ request, profile, policy, key, units, output, input, signal, waitEnd }: Call): Promise<Reservation | Response> {
    const estimate = { input, maxOutput: request.maxOutput, expectOutput: (most: number) => output.reserve(most) }
    const { priority, flow, weight, ttl, fail } = this.#options
    const wait: Duration = `${Math.max(1, Math.round(waitEnd - performance.now()))}ms`
    const cost = reservedCosts(profile, units, estimate)
    try {
      return await this.#limiter.reserve(key, policy, { cost, wait, priority, flow, weight, ttl, fail, signal })
    } catch (error) {
      if (error instanceof Denied || error instanceof Busy) return denied(error)
      if (error instanceof Unavailable) return undecided(error)
      throw error
    }
  }

  /** Sends a request. If it fails, its outcome is not known: the estimate stays charged. */
  async #send(call: Call, reserved: Reservation): Promise<Response> {
    try {
      return await call.send()
    } catch (error) {
      const code = ((error as Error).cause as { code?: string } | undefined)?.code ?? ''
      this.#end(NOT_SENT.has(code) ? reserved.cancel() : reserved.settle())
      throw error
    }
  }

  /** Passes on the answer of a request that the provider has taken, and settles when it has passed. */
  #taken(call: Call, reserved: Reservation, response: Response): Response {
    this.#sync(call, reserved, response.headers)
    if (response.status >= 400) {
      // A client's mistake used no tokens. Of a failure of the provider that is not known.
      this.#end(reserved.settle(response.status < 500 ? refusedCosts(call.units) : undefined))
      return response
    }
    const meter = meterOf(call.profile, response.headers)
    return passing(response, meter, call.signal, (how) => this.#passed(call, reserved, meter, how))
  }

  #passed({ profile, units, output }: Call, reserved: Reservation, meter: Meter, how: Ending): void {
    const usage = how === 'abandoned' ? meter.abandoned() : meter.complete()
    if (how === 'complete' && usage.output !== undefined) output.add(usage.output)
    this.#end(reserved.settle(settledCosts(profile, units, usage)))
  }

  /** Tells the server of a refusal. The attempt stays charged as the profile says. Returns how long the provider holds the key. */
  async #refused(call: Call, reserved: Reservation, { headers }: Response): Promise<number | null> {
    const { holdMs } = readHeaders(call.profile, headers, Date.now())
    const { counts } = call.profile.refused
    try {
      // The hold comes first, so that what is given back admits nobody.
      await reserved.sync(headers, call.profile)
      await (counts === false ? reserved.cancel() : reserved.settle(refusedCosts(call.units)))
    } catch {
      this.#limiter.stats.unsettled += 1
    }
    return holdMs
  }

  #sync(call: Call, reserved: Reservation, headers: Headers): void {
    this.#limiter.background(reserved.sync(headers, call.profile))
  }

  #end(settled: Promise<boolean>): void {
    this.#limiter.background(settled.catch(() => (this.#limiter.stats.unsettled += 1)))
  }

  #policy(model: string): string | undefined {
    const choice = this.#options.policy ?? this.#limiter.policyName
    if (typeof choice === 'function') return choice(model)
    if (typeof choice === 'object') return Object.hasOwn(choice, model) ? choice[model] : undefined
    if (choice === undefined) throw new TypeError('limitFetch needs a policy: name one in its options or in those of the limiter')
    return choice
  }

  #key(model: string, policy: string): string {
    const { key } = this.#options
    return typeof key === 'function' ? key(model, policy) : (key ?? policy)
  }

  #output(key: string): OutputEstimate {
    const known = this.#outputs.get(key) ?? new OutputEstimate()
    this.#outputs.set(key, known)
    return known
  }
}

function pause(ms: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => (clearTimeout(timer), reject(signal?.reason))
    const timer = setTimeout(() => (signal?.removeEventListener('abort', abort), resolve()), ms)
    signal?.addEventListener('abort', abort)
  })
}
