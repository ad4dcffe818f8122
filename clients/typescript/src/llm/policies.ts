/** The limits of policies, remembered for a while: which units they have, and how large a cost may be. */

import type { Limit } from '../commands/limits.js'
import type { Limiter } from '../limiter.js'
import { unitsOf, USUAL_UNITS, type Unit } from './units.js'

/** How long the limits of a policy are remembered, in ms. */
const FRESH_MS = 30_000

/** What is known of a policy. */
export interface KnownPolicy {
  readonly units: readonly Unit[]
  /** Empty if they may not be read. */
  readonly limits: readonly Limit[]
}

const UNKNOWN: KnownPolicy = { units: USUAL_UNITS, limits: [] }

export class KnownPolicies {
  readonly #limiter: Limiter
  readonly #known = new Map<string, { policy: Promise<KnownPolicy>; until: number }>()

  constructor(limiter: Limiter) {
    this.#limiter = limiter
  }

  /** Returns a policy. If it may not be read, or cannot be, its units are the usual ones. */
  of(policy: string): Promise<KnownPolicy> {
    const now = performance.now()
    const known = this.#known.get(policy)
    if (known && known.until > now) return known.policy
    const entry = { policy: this.#read(policy), until: now + FRESH_MS }
    this.#known.set(policy, entry)
    return entry.policy
  }

  async #read(policy: string): Promise<KnownPolicy> {
    try {
      const limits = await this.#limiter.policy(policy)
      return limits ? { units: unitsOf(limits), limits } : UNKNOWN
    } catch {
      this.#known.delete(policy)
      return UNKNOWN
    }
  }
}
