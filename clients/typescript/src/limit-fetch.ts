/** A `fetch` for the SDKs of LLM providers, with a limit in front. Callers of the SDK stay as they are. */

import { Denied } from './denied.js'
import { Busy, Unavailable } from './errors.js'
import type { Limiter } from './limiter.js'
import { Gate, type Attempt, type GateOptions, type ModelCall } from './llm/gate.js'
import { meterOf } from './llm/meter.js'
import { passing } from './llm/pass.js'
import { providerOf } from './llm/providers.js'
import { denied, undecided } from './llm/refusal.js'
import { estimateInput, readRequest } from './llm/request.js'
import type { Reservation } from './reservation.js'

/** The options of `limitFetch`. */
export interface LimitFetchOptions extends GateOptions {
  /** Sends the requests. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined
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
  const gate = new Gate(limiter, options)
  const estimate = options.estimate ?? estimateInput

  return async (input, init) => {
    const send = options.fetch ?? fetch
    const isRequest = input instanceof Request
    const url = new URL(isRequest ? input.url : String(input))
    const method = (init?.method ?? (isRequest ? input.method : 'GET')).toUpperCase()
    const request = await readRequest(url, method, init?.body ?? (isRequest ? input : null))
    const policy = request && gate.policyOf(request.model)
    if (!request || !policy) return send(input, init)
    const { model, maxOutput, body } = request
    const signal = init?.signal ?? (isRequest ? input.signal : null)
    const call = await gate.call(policy, model, providerOf(url), { input: estimate(body, model), maxOutput, signal })
    // The body of a Request can be sent once, so each attempt has a copy.
    const once = () => send(isRequest ? input.clone() : input, init)
    const attempt = (reserved: Reservation, sent: number) => sendOnce(gate, call, reserved, sent, once)
    try {
      return await gate.attempts(call, attempt, (response) => response.body?.cancel())
    } catch (error) {
      if (error instanceof Denied || error instanceof Busy) return denied(error)
      if (error instanceof Unavailable) return undecided(error)
      throw error
    }
  }
}

/** Sends a request that is reserved. What it used is settled when its answer has passed. */
async function sendOnce(
  gate: Gate,
  call: ModelCall,
  reserved: Reservation,
  sent: number,
  send: () => Promise<Response>
): Promise<Attempt<Response>> {
  let response: Response
  try {
    response = await send()
  } catch (error) {
    const code = ((error as Error).cause as { code?: string } | undefined)?.code ?? ''
    if (NOT_SENT.has(code)) gate.notSent(reserved)
    else gate.unknown(reserved)
    throw error
  }
  const { status, headers } = response
  if (call.profile.refused.statuses.includes(status)) return { answer: response, refusal: headers }
  gate.sync(call, headers, sent)
  if (status >= 500) gate.unknown(reserved)
  else if (status >= 400) gate.wrong(call, reserved)
  if (status >= 400) return { answer: response, refusal: null }
  const meter = meterOf(call.profile, headers)
  const answer = passing(response, meter, call.signal, (how) => {
    gate.settle(call, reserved, how === 'abandoned' ? meter.abandoned() : meter.complete(), how === 'complete')
  })
  return { answer, refusal: null }
}
