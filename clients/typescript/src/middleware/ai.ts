/** Middleware for language models of the Vercel AI SDK (the package `ai`). */

import type { Limiter } from '../limiter.js'
import { Gate, type GateOptions, type ModelCall } from '../llm/gate.js'
import { PROVIDERS } from '../profiles/profile.js'
import { estimateInput } from '../llm/request.js'
import type { Usage } from '../llm/usage.js'
import type { Reservation } from '../reservation.js'

/** The parameters of a call, as far as they are used here. */
interface CallParams {
  readonly prompt: unknown
  readonly tools?: unknown
  readonly maxOutputTokens?: number | undefined
  readonly abortSignal?: AbortSignal | undefined
}

/** A model, as far as it is used here. */
interface ModelLike {
  readonly modelId: string
  readonly provider: string
}

/** The middleware, as `wrapLanguageModel` takes it. */
export interface LimitModelMiddleware {
  readonly specificationVersion: 'v3'
  wrapGenerate(call: { doGenerate: () => PromiseLike<any>; params: any; model: any }): Promise<any>
  wrapStream(call: { doStream: () => PromiseLike<any>; params: any; model: any }): Promise<any>
}

/**
 * Returns middleware that keeps the calls of a model within a policy.
 *
 * ```ts
 * const model = wrapLanguageModel({ model: anthropic('claude-sonnet-4-5'), middleware: limitModel(limiter, { policy: 'claude-sonnet' }) })
 * ```
 *
 * A denial throws `Denied`. Give the calls `maxRetries: 0`: the middleware itself stands in line again after a refusal.
 */
export function limitModel(limiter: Limiter, options: GateOptions = {}): LimitModelMiddleware {
  const gate = new Gate(limiter, options)
  const estimate = options.estimate ?? estimateInput

  /** Makes a call; `finish` settles it, at once or when its stream has passed. */
  async function limited<Result>(
    { prompt, tools, maxOutputTokens, abortSignal }: CallParams,
    { modelId, provider }: ModelLike,
    make: () => PromiseLike<Result>,
    finish: (result: Result, call: ModelCall, reserved: Reservation) => Result
  ): Promise<Result> {
    const policy = gate.policyOf(modelId)
    if (policy === undefined) return make()
    const input = estimate({ prompt, tools }, modelId)
    const call = await gate.call(policy, modelId, profileName(provider), { input, maxOutput: maxOutputTokens ?? null, signal: abortSignal ?? null })
    const answer = await gate.attempts(call, (reserved, sent) => attempt(gate, call, reserved, sent, make, finish), () => {})
    return answer()
  }

  return {
    specificationVersion: 'v3',
    wrapGenerate: ({ doGenerate, params, model }) =>
      limited(params, model, doGenerate, (result: any, call, reserved) => {
        gate.settle(call, reserved, usageOf(result.usage, call), true)
        return result
      }),
    wrapStream: ({ doStream, params, model }) =>
      limited(params, model, doStream, (result: any, call, reserved) => ({
        ...result,
        stream: metered(result.stream, call, (usage, isComplete) => gate.settle(call, reserved, usage, isComplete))
      }))
  }
}

/** Makes an attempt. Its answer is a function, which returns the result or throws the provider's refusal. */
async function attempt<Result>(
  gate: Gate,
  call: ModelCall,
  reserved: Reservation,
  sent: number,
  make: () => PromiseLike<Result>,
  finish: (result: Result, call: ModelCall, reserved: Reservation) => Result
) {
  try {
    const made = await make()
    gate.sync(call, (made as any).response?.headers ?? {}, sent)
    const result = finish(made, call, reserved)
    return { answer: () => result, refusal: null }
  } catch (error) {
    const { statusCode: status, responseHeaders: headers = {} } = error as { statusCode?: number; responseHeaders?: Record<string, string> }
    if (status !== undefined && call.profile.refused.statuses.includes(status)) {
      const answer = (): Result => {
        throw error
      }
      return { answer, refusal: headers }
    }
    if (status !== undefined) gate.sync(call, headers, sent)
    if (status !== undefined && status >= 400 && status < 500) gate.wrong(call, reserved)
    else gate.unknown(reserved)
    throw error
  }
}

/** Passes the parts of a stream on, and reads the usage of its last one. */
function metered(stream: ReadableStream<any>, call: ModelCall, end: (usage: Usage, isComplete: boolean) => void): ReadableStream<any> {
  const reader = stream.getReader()
  let outputLength = 0
  let usage: Usage | undefined
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) {
            controller.close()
            return end(usage ?? {}, true)
          }
          controller.enqueue(value)
          if (value.type === 'finish') usage = usageOf(value.usage, call)
          if (typeof value.delta === 'string') outputLength += value.delta.length
        } catch (error) {
          controller.error(error)
          end({}, false)
        }
      },
      cancel(reason) {
        end(usage ?? { output: Math.ceil(outputLength / 4) }, false)
        return reader.cancel(reason)
      }
    },
    { highWaterMark: 0 }
  )
}

/** Reads the usage of the AI SDK. Reads from a cache are left out if the provider does not count them. */
function usageOf(usage: any, { profile }: ModelCall): Usage {
  const whole = (tokens: unknown) => (Number.isSafeInteger(tokens) ? (tokens as number) : undefined)
  const { inputTokens, outputTokens } = usage ?? {}
  const total = whole(inputTokens?.total)
  const uncounted = profile.usage?.excluded ? (whole(inputTokens?.cacheRead) ?? 0) : 0
  return {
    input: total === undefined ? whole(inputTokens) : total - uncounted,
    output: whole(outputTokens?.total) ?? whole(outputTokens)
  }
}

/** The profile of a provider of the AI SDK, whose names are such as `anthropic.messages` and `openai.chat`. */
function profileName(provider: string): string {
  return PROVIDERS.find((name) => provider.toLowerCase().includes(name)) ?? (/google|vertex/.test(provider) ? 'gemini' : 'openai')
}
