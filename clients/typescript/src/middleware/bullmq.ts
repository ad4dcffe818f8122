/** A processor of BullMQ with a limit in front: a job that is denied goes back to its queue, and loses no attempt. */

import type { CallOptions, Costs, WaitOptions } from '../commands/options.js'
import type { Limit } from '../commands/limits.js'
import { Denied } from '../denied.js'
import { Busy, Unavailable } from '../errors.js'
import type { Duration } from '../duration.js'
import type { Limiter } from '../limiter.js'
import type { Reservation } from '../reservation.js'

/** A job, as far as it is used here. */
export interface JobLike {
  moveToDelayed(timestamp: number, token?: string): Promise<void>
}

/** The options of a processor. */
export interface ProcessorOptions<Job> extends CallOptions, WaitOptions {
  /** The key of a job: one for all, or one for each tenant. */
  key: string | ((job: Job) => string)
  /** The policy or the limits. Default: the policy of the limiter. */
  rules?: string | readonly Limit[] | undefined
  /** What a job consumes, by unit. */
  cost?: Costs | ((job: Job) => Costs) | undefined
  /** How long the reservation of a job lasts if its worker dies. Default: `60s`. */
  ttl?: Duration | undefined
  /** What to throw after a job has gone back. Its name must be `DelayedError`, as that of BullMQ's own. */
  delayed?: (() => Error) | undefined
}

/**
 * Returns a processor that reserves what a job may use, runs it, and settles at what `call.use` was told.
 *
 * ```ts
 * new Worker('prompts', limitProcessor(limiter, { key: 'q:claude', rules: 'claude-sonnet', wait: '5s' }, async (job, call) => …))
 * ```
 */
export function limitProcessor<Job extends JobLike, Result>(
  limiter: Limiter,
  options: ProcessorOptions<Job>,
  process: (job: Job, call: Reservation) => Promise<Result>
): (job: Job, token?: string) => Promise<Result> {
  const { key, rules = limiter.policyName, cost, delayed = delayedError } = options
  if (rules === undefined) throw new TypeError('limitProcessor needs a policy or limits')
  return async (job, token) => {
    const name = typeof key === 'function' ? key(job) : key
    let call: Reservation
    try {
      call = await limiter.reserve(name, rules, { ...options, cost: typeof cost === 'function' ? cost(job) : cost })
    } catch (error) {
      const afterMs = retryAfter(error)
      if (afterMs === null) throw error
      await job.moveToDelayed(Date.now() + afterMs, token)
      throw delayed()
    }
    try {
      return await process(job, call)
    } finally {
      await call[Symbol.asyncDispose]()
    }
  }
}

/** How long a job that was not admitted goes away; null if it can never be admitted, or its request is wrong. */
function retryAfter(error: unknown): number | null {
  if (error instanceof Denied) return Number.isFinite(error.retryAfterMs) ? error.retryAfterMs : null
  return error instanceof Busy || error instanceof Unavailable ? 1_000 : null
}

/** BullMQ knows its error by the name, so that this package needs no BullMQ. */
function delayedError(): Error {
  return Object.assign(new Error('the job goes back to its queue until its limit admits it'), { name: 'DelayedError' })
}
