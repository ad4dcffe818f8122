/** Which unit of a policy counts what: a policy may call input tokens `input`, `input-tokens` or `itpm`. */

import type { Limit } from '../commands/limits.js'

/** What a call of a model consumes, besides the request itself. */
export type TokenCount = 'input' | 'output' | 'tokens'

/** The names of units and limits that count something. */
const NAMES: Readonly<Record<TokenCount, readonly string[]>> = {
  input: ['input', 'input-tokens', 'input_tokens', 'itpm'],
  output: ['output', 'output-tokens', 'output_tokens', 'otpm'],
  tokens: ['tokens', 'total-tokens', 'total_tokens', 'tpm']
}

/** A unit of a policy. */
export interface Unit {
  readonly name: string
  readonly counts: TokenCount
  /** The most of it that can be admitted at once. A larger cost could never be admitted. */
  readonly most: number
}

/** The units of a policy that is not known: those that the documentation uses. */
export const USUAL_UNITS: readonly Unit[] = (['input', 'output', 'tokens'] as const).map((counts) => ({
  name: counts,
  counts,
  most: Infinity
}))

/** Returns the units of a policy that count tokens. */
export function unitsOf(limits: readonly Limit[]): Unit[] {
  const units = new Map<string, Unit>()
  for (const limit of limits) {
    if ('inflight' in limit || limit.shadow) continue
    const name = limit.unit ?? 'requests'
    const counts = countOf(name) ?? (name === 'requests' ? undefined : countOf(limit.name))
    if (!counts) continue
    const most = Math.min(limit.capacity ?? limit.limit, units.get(name)?.most ?? Infinity)
    units.set(name, { name, counts, most })
  }
  return [...units.values()]
}

function countOf(name: string): TokenCount | undefined {
  return (Object.keys(NAMES) as TokenCount[]).find((counts) => NAMES[counts].includes(name))
}
