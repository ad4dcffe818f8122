/** Reads the headers of a provider's answer by its profile. */

import { count, type Left } from './left.js'
import type { Profile } from './profile.js'
import { structuredLimits } from './structured.js'
import { timeMs, type Form } from './time.js'

/** Headers, in any of the usual forms. */
export type HeaderSource = Headers | Readonly<Record<string, string | readonly string[] | undefined>>

/** What headers say. */
export interface Told {
  /** What is left of each limit of which they say it. */
  readonly limits: readonly Left[]
  /** How long nobody should ask, in ms; null if they do not say. */
  readonly holdMs: number | null
}

/** The longest value of a header that is read, in characters. */
const VALUE_MAX = 4_096

/** Reads headers by a profile. `nowMs` is the time since 1970. A value that is not understood is as if it was not there. */
export function readHeaders(profile: Profile, headers: HeaderSource, nowMs: number): Told {
  const find = finder(headers)
  const value = (name: string) => {
    const text = find(name)?.trim()
    return text !== undefined && text.length <= VALUE_MAX ? text : undefined
  }
  const time = (of: { header: string; form: Form } | undefined) => {
    const text = of && value(of.header)
    return of && text !== undefined ? timeMs(of.form, text, nowMs) : null
  }
  const list = profile.structured && value(profile.structured.header)
  const limits = list === undefined ? [] : structuredLimits(list)
  for (const { names, remaining, of, reset } of profile.limits) {
    const left = count(value(remaining) ?? '')
    if (left !== null) limits.push({ names, remaining: left, of: count((of && value(of)) ?? ''), resetMs: time(reset) })
  }
  const holds = profile.retry.map(time)
  return { limits, holdMs: holds.find((ms) => ms !== null) ?? null }
}

/** Finds a header without regard to case. */
function finder(headers: HeaderSource): (name: string) => string | undefined {
  if (headers instanceof Headers) return (name) => headers.get(name) ?? undefined
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return (name) => {
    const value = byName.get(name)
    return typeof value === 'object' ? value.join(', ') : value
  }
}
