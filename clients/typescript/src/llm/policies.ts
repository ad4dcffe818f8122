/** The limits of policies, remembered for a while: which units they have, and how large a cost may be. */

import type { Limiter } from '../limiter.js'
import { unitsOf, USUAL_UNITS, type Unit } from './units.js'

/** How long the limits of a policy are remembered, in ms. */
const FRESH_MS = 30_000

export class PolicyUnits {
  readonly #limiter: Limiter
  readonly #known = new Map<string, { units: Promise<readonly Unit[]>; until: number }>()

  constructor(limiter: Limiter) {
    this.#limiter = limiter
  }

  /** Returns the units of a policy. If it may not be read, or cannot be, they are the usual ones. */
  of(policy: string): Promise<readonly Unit[]> {
    const now = performance.now()
    const known = this.#known.get(policy)
    if (known && known.until > now) return known.units
    const entry = { units: this.#read(policy), until: now + FRESH_MS }
    this.#known.set(policy, entry)
    return entry.units
  }

  async #read(policy: string): Promise<readonly Unit[]> {
    try {
      const limits = await this.#limiter.policy(policy)
      return limits ? unitsOf(limits) : USUAL_UNITS
    } catch {
      this.#known.delete(policy)
      return USUAL_UNITS
    }
  }
}
