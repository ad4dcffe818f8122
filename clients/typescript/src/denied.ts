/** The error of scopes. */

import type { Decision, QuotaDecision } from './answers.js'
import { RlError } from './errors.js'

/** A scope was denied. Calls that answer with a decision never throw it. */
export class Denied extends RlError {
  override name = 'Denied'
  /** The decision of the denied request. */
  readonly decision: Decision | QuotaDecision

  constructor(decision: Decision | QuotaDecision) {
    const blocking = 'blocking' in decision && decision.blocking.length > 0 ? ` by ${decision.blocking.join(', ')}` : ''
    const after = Number.isFinite(decision.retryAfterMs) ? `, retry after ${decision.retryAfterMs} ms` : ' for ever'
    super(`denied${blocking}${after}`)
    this.decision = decision
  }

  /** The ms until the request would be admitted; `Infinity` if it never can be. */
  get retryAfterMs(): number {
    return this.decision.retryAfterMs
  }
}
