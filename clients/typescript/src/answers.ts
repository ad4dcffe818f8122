/** What calls answer. All times are milliseconds. */

import type { Unavailable } from './errors.js'

/** The state of one limit after a decision. */
export interface LimitState {
  /** The limit or capacity in force. */
  readonly limit: number
  /** The cost that could still be admitted right now, after the decision. */
  readonly remaining: number
  /** 0 if admitted, else the ms until the same cost is admitted if no other request comes. `Infinity`: never. */
  readonly retryAfterMs: number
  /** The ms until the full limit is available again. */
  readonly resetAfterMs: number
}

/** The decision about a request of one limit. */
export interface Decision extends LimitState {
  /** Whether the request was admitted and counted. */
  readonly allowed: boolean
  /** Set if nothing could be decided: `fail` made the answer, and nothing was counted. */
  readonly degraded?: Unavailable
}

/** The decision about a request of several limits. */
export interface QuotaDecision {
  /** Whether every limit admitted the request, and all were charged. */
  readonly allowed: boolean
  /** 0 if admitted, else the ms until all limits admit it. `Infinity`: never. */
  readonly retryAfterMs: number
  /** The names of all limits that block. */
  readonly blocking: readonly string[]
  /** The limits by name; those of `mquota` are `policy/name`. */
  readonly limits: Readonly<Record<string, LimitState>>
  /** The id of the reservation, if the request asked for one and was admitted. */
  readonly id?: string
  /** Set if nothing could be decided: `fail` made the answer, and nothing was counted. */
  readonly degraded?: Unavailable
}

/** The decision of `first`. The other fields are about the key that admits, or else about the one that will do so soonest. */
export interface FirstDecision extends QuotaDecision {
  /**
   * Which key admits, from 0 in the order given; -1 if none does. If nothing could be decided and `fail` admits, it is 0, the
   * preferred key.
   */
  readonly index: number
}

/** What `peek` answers: `Decision` for a key of one limit, `QuotaDecision` for a quota, null if there is no key. */
export type Peeked = Decision | QuotaDecision | null

/** The parameters of a limit, by the names of RL.INFO: `limit`, `window_ms`, `unit` and so on. */
export type Parameters = Readonly<Record<string, number | string>>

/** A figure of the key, or one for each limit of a quota. */
export type Figure = number | Readonly<Record<string, number>>

/** What RL.INFO says of a key. */
export interface KeyInfo {
  readonly algorithm: 'slide' | 'window' | 'bucket' | 'quota' | 'none'
  /** The name of the quota's policy, if it has one. */
  readonly policy: string | null
  /** For a quota by limit. */
  readonly parameters: Parameters | Readonly<Record<string, Parameters>>
  readonly used: Figure
  readonly remaining: Figure
  readonly heldMs: Figure
  readonly usedElsewhere: Figure
  readonly elsewhereMs: Figure
  /** The number of requests that wait, by lane. */
  readonly waiting: Readonly<Record<'critical' | 'high' | 'normal' | 'low', number>>
  /** How long the first waiter still has to wait; null if none waits. */
  readonly headWaitMs: number | null
  readonly reservations: number
  readonly bytes: number
}

/** A key of RL.TOP. */
export interface TopKey {
  readonly key: string
  /** The counted requests. The true number may be lower, by at most `error`. */
  readonly count: number
  readonly error: number
}
