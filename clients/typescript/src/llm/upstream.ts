/**
 * Tells a key what a provider's headers say.
 *
 * Between two answers others may use the provider's limit, and requests are on their way. So a share of each limit, the margin,
 * is left to the provider. If less than that is left there, the difference is a debt.
 */

import type { Key } from '../commands/command.js'
import type { Left } from '../commands/feedback.js'
import type { Limit, RateLimit } from '../commands/limits.js'
import type { Limiter } from '../limiter.js'
import type { Left as Told } from '../profiles/left.js'
import type { Profile } from '../profiles/profile.js'
import { readHeaders, type HeaderSource } from '../profiles/read.js'

/** The margin of a limit if the caller sets none. */
const MARGIN = 0.03

/** The same of a bucket. */
const BUCKET_MARGIN = 0.05

/** How long a key is held after a refusal that does not say when to ask again, in ms. */
const DEFAULT_HOLD_MS = 1_000

/** What a provider answered to a request. */
export interface Answered {
  readonly headers: HeaderSource
  /** When the request was sent, by `performance.now`. */
  readonly sent: number
  readonly isRefusal: boolean
}

/** Returns what a key with these limits is told. */
export function leftOf(told: readonly Told[], limits: readonly Limit[], margin: number | undefined): Record<string, Left> {
  const left: Record<string, Left> = {}
  for (const { names, remaining, of, resetMs } of told) {
    const limit = names.map((name) => limits.find((one): one is RateLimit => one.name === name && !('inflight' in one))).find(Boolean)
    if (!limit) continue
    const share = margin ?? (limit.algorithm === 'bucket' ? BUCKET_MARGIN : MARGIN)
    // At most a quarter of what a bucket holds, so that a provider whose bucket is as small always has room for it.
    const reserve = Math.min(share * (of ?? limit.limit), (limit.capacity ?? Infinity) / 4)
    left[limit.name] = {
      remaining: Math.floor(remaining - reserve),
      ...(of !== null && { of }),
      ...(resetMs !== null && { reset: `${resetMs}ms` })
    }
  }
  return left
}

/** Tells a key what an answer says is left. After a refusal it holds the key, too. */
export async function tell(
  limiter: Limiter,
  { key, profile, limits }: { key: Key; profile: Profile; limits: readonly Limit[] },
  { headers, sent, isRefusal }: Answered,
  margin: number | undefined
): Promise<void> {
  const told = readHeaders(profile, headers, Date.now())
  const left = leftOf(told.limits, limits, margin)
  const work: Promise<unknown>[] = []
  if (isRefusal) work.push(limiter.hold(key, `${told.holdMs ?? DEFAULT_HOLD_MS}ms`))
  if (Object.keys(left).length > 0) work.push(limiter.syncQuota(key, left, { age: `${Math.round(performance.now() - sent)}ms` }))
  await Promise.all(work)
}
