/** What a call of a model reserves, and what it settles at, by the provider's rules. */

import type { Costs } from '../commands/options.js'
import type { Profile } from '../profiles/profile.js'
import type { Unit } from './units.js'
import type { Usage } from './usage.js'

/** How a provider charges `tokens`, by `output.charged` of its profile. */
const CHARGED = {
  /** What is produced; reserved as it is expected. */
  produced: { reserves: 'expected', settles: true },
  /** The larger of the most output and the input, when the request comes, whatever it then uses. */
  'larger of max_tokens and an estimate': { reserves: 'larger', settles: false },
  /** Input and the most output, when the request comes, whatever it then uses. */
  'max_tokens as estimated when the request comes': { reserves: 'most', settles: false },
  /** Input and the most output, until the call has ended. */
  'reserved as max_tokens, then settled': { reserves: 'most', settles: true }
} as const

/** The ways in which profiles say that output is charged. A test holds this list and the profiles together. */
export const CHARGES: readonly string[] = Object.keys(CHARGED)

/** The most output of a request that names none, in tokens. */
const MAX_OUTPUT_UNKNOWN = 1_024

/** What is known before the call. */
export interface Estimate {
  readonly input: number
  /** The most output that the request allows; null if it does not say. */
  readonly maxOutput: number | null
  /** Returns the output to reserve, given the most. */
  expectOutput(most: number): number
}

function charge(profile: Profile): { reserves: 'expected' | 'larger' | 'most'; settles: boolean } {
  const charged = profile.output?.charged ?? 'produced'
  return CHARGED[charged as keyof typeof CHARGED] ?? CHARGED.produced
}

/** Returns what to reserve. */
export function reservedCosts(profile: Profile, units: readonly Unit[], { input, maxOutput, expectOutput }: Estimate): Costs {
  const { reserves } = charge(profile)
  const costs: Record<string, number> = {}
  for (const { name, counts, most } of units) {
    const mostOutput = Math.min(maxOutput ?? MAX_OUTPUT_UNKNOWN, most)
    const output = reserves === 'most' ? mostOutput : expectOutput(mostOutput)
    if (counts === 'input') costs[name] = input
    else if (counts === 'output') costs[name] = output
    else if (reserves === 'larger') costs[name] = Math.max(input, Math.min(maxOutput ?? 0, most))
    else costs[name] = input + Math.min(output, Math.max(0, most - input))
  }
  return costs
}

/** Returns what to settle at. Units of which nothing is known are left out: they stay as they were reserved. */
export function settledCosts(profile: Profile, units: readonly Unit[], usage: Usage): Costs {
  const { settles } = charge(profile)
  const { input, output } = usage
  const tokens = usage.tokens ?? (input !== undefined && output !== undefined ? input + output : undefined)
  const used = { input, output, tokens: settles ? tokens : undefined }
  const known = units.map(({ name, counts }) => [name, used[counts]] as const).filter(([, cost]) => cost !== undefined)
  return Object.fromEntries(known) as Costs
}

/** Returns what to settle at after a refusal that counts as a request and consumes no tokens. */
export function refusedCosts(units: readonly Unit[]): Costs {
  return Object.fromEntries(units.map(({ name }) => [name, 0]))
}
