/** Reads what a call used from bodies and events, by the paths of a profile. */

import type { Count, EventUsage, Paths, Profile } from '../profiles/profile.js'

/** What a call used. What is not known is absent. */
export interface Usage {
  readonly input?: number | undefined
  readonly output?: number | undefined
  readonly tokens?: number | undefined
}

/** The counts of a profile, and what they are called here. */
const COUNTS = [
  ['input', 'input-tokens'],
  ['output', 'output-tokens'],
  ['tokens', 'tokens']
] as const

/** Reads the usage of a body. */
export function usageOfBody(profile: Profile, body: unknown): Usage {
  const { usage } = profile
  return usage ? read(body, usage.body, usage.add, usage.excluded) : {}
}

/** Reads the usage of an event of a stream. `name` is empty if the event has none. */
export function usageOfEvent(profile: Profile, name: string, data: unknown): Usage {
  let found: Usage = {}
  for (const { event, add, ...paths } of profile.usage?.stream ?? ([] as readonly EventUsage[])) {
    if ((event ?? '') === name) found = merged(found, read(data, paths, add, profile.usage?.excluded))
  }
  return found
}

/** Reads the usage that headers tell. */
export function usageOfHeaders(profile: Profile, headers: Headers): Usage {
  const names = profile.usage?.headers ?? {}
  const found = COUNTS.map(([as, count]) => {
    const name = names[count]
    return [as, name === undefined ? undefined : whole(Number(headers.get(name) ?? NaN))]
  })
  return Object.fromEntries(found)
}

/** Adds later counts to earlier ones. A later count of the same kind replaces the earlier one. */
export function merged(earlier: Usage, later: Usage): Usage {
  const known = Object.entries(later).filter(([, tokens]) => tokens !== undefined)
  return { ...earlier, ...Object.fromEntries(known) }
}

function read(body: unknown, paths: Paths, add: Paths = {}, excluded: readonly string[] = []): Usage {
  const first = (count: Count, of: Paths) => (of[count] ?? []).map((path) => at(body, path)).find((tokens) => tokens !== undefined)
  // Details are part of the sum beside them. Other counts that do not count are not in the sum in the first place.
  const uncounted = excluded.filter((path) => path.includes('_details.')).reduce((sum, path) => sum + (at(body, path) ?? 0), 0)
  const found = COUNTS.map(([as, count]) => {
    const tokens = first(count, paths)
    if (tokens === undefined) return [as, undefined]
    return [as, Math.max(0, tokens + (first(count, add) ?? 0) - (as === 'output' ? 0 : uncounted))]
  })
  return Object.fromEntries(found)
}

function at(body: unknown, path: string): number | undefined {
  let value = body
  for (const field of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string, unknown>)[field]
  }
  return whole(value)
}

function whole(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
}
