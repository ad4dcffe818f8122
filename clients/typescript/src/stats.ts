/** What a limiter counts of the calls that a server could not decide. */

import type { Cause } from './errors.js'

/** Counts since the limiter was made. */
export interface Stats {
  /** Decisions that `fail: 'open'` admitted. They are counted in no limit. */
  degradedOpen: number
  /** Decisions that `fail: 'closed'` denied. */
  degradedClosed: number
  /** Reservations that could not be settled: their estimate stays charged until their ttl has passed. */
  unsettled: number
  /** All calls that failed, by cause. */
  unavailable: Partial<Record<Cause, number>>
}

/** Returns counts of 0. */
export function newStats(): Stats {
  return { degradedOpen: 0, degradedClosed: 0, unsettled: 0, unavailable: {} }
}
