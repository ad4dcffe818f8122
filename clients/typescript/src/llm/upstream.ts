/**
 * Tells a key what a provider's headers say.
 *
 * Between two answers others may use the provider's limit, and requests are on their way. So a share of each limit, the margin,
 * is left to the provider: a limit that has less there is held until it has the margin again.
 */

import type { Key } from '../commands/command.js'
import type { Left } from '../commands/feedback.js'
import type { Limit, RateLimit } from '../commands/limits.js'
import { milliseconds } from '../duration.js'
import type { Limiter } from '../limiter.js'
import type { Left as Told } from '../profiles/left.js'
import type { Profile } from '../profiles/profile.js'
import { readHeaders, type HeaderSource } from '../profiles/read.js'

/** The time that a command may take, in ms. */
const SLACK_MS = 10

const MONTH_MS = 31 * 86_400_000

/** What a key is told. */
export interface Word {
  /** What is left of each limit, less the margin. */
  readonly left: Readonly<Record<string, Left>>
  /** How long limits are held that are low, in ms. */
  readonly low: ReadonlyMap<string, number>
}

/** Returns what a key with these limits is told. `retryMs` is how long a refused request has to wait, else 0. */
export function wordOf(told: readonly Told[], limits: readonly Limit[], margin: number, retryMs: number): Word {
  const left: Record<string, Left> = {}
  const low = new Map<string, number>()
  for (const { names, remaining, resetMs } of told) {
    const limit = names.map((name) => limits.find((of): of is RateLimit => of.name === name && !('inflight' in of))).find(Boolean)
    if (!limit) continue
    const reserve = limit.limit * margin
    left[limit.name] = { remaining: Math.max(0, Math.floor(remaining - reserve)), ...(resetMs !== null && { reset: `${resetMs}ms` }) }
    if (remaining >= reserve) continue
    const windowMs = limit.window === '1mo' ? MONTH_MS : milliseconds(limit.window, 'window')
    low.set(limit.name, Math.ceil(Math.max(retryMs, ((reserve - remaining) * windowMs) / limit.limit)))
  }
  return { left, low }
}

/** Tells a key what an answer says. Returns how long it says to hold, in ms; null if it does not. */
export async function tell(
  limiter: Limiter,
  { key, profile, limits }: { key: Key; profile: Profile; limits: readonly Limit[] },
  headers: HeaderSource,
  margin: number,
  isRefused: boolean
): Promise<number | null> {
  const told = readHeaders(profile, headers, Date.now())
  const retryMs = isRefused ? (told.holdMs ?? 0) : 0
  const { left, low } = wordOf(told.limits, limits, margin, retryMs)
  const work: Promise<unknown>[] = []
  // If the headers do not say which limit it was, all of them wait.
  if (retryMs > 0 && low.size === 0) work.push(limiter.hold(key, `${retryMs}ms`))
  if (Object.keys(left).length > 0) work.push(limiter.syncQuota(key, left))
  for (const [name, ms] of low) work.push(limiter.hold(key, `${ms + SLACK_MS}ms`, [name]))
  await Promise.all(work)
  if (low.size > 0) tellAgain(limiter, key, left, low)
  return told.holdMs
}

/** A hold stops requests, but what comes back meanwhile adds up. At its end there is the margin, and no more. */
function tellAgain(limiter: Limiter, key: Key, left: Word['left'], low: Word['low']): void {
  const none = [...low.keys()].map((name) => [name, { ...left[name], remaining: 0 }] as const)
  const timer: { unref?(): void } | number = setTimeout(() => limiter.background(limiter.syncQuota(key, Object.fromEntries(none))), Math.min(...low.values()))
  if (typeof timer === 'object') timer.unref?.()
}

