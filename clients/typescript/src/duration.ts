/** Durations, as all calls of this package take and send them. */

import { Invalid } from './errors.js'

/**
 * A duration with its unit: `'250ms'` `'60s'` `'5m'` `'1h'` `'1d'` `'1w'`. A computed one is written `` `${ms}ms` ``.
 *
 * There is no bare number, as the commands count seconds and JavaScript counts milliseconds.
 */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`

/** The length of a fixed window: a duration, or a calendar month. A window of `'1w'` begins on Monday. */
export type WindowLength = Duration | '1mo'

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** The longest time that a timer of JavaScript can wait, in ms. */
const TIMER_MAX = 2_147_483_647

/**
 * Returns a duration in milliseconds, rounded. `what` names it in the error.
 *
 * @throws Invalid if it is none.
 */
export function milliseconds(duration: string, what: string): number {
  const [, number, unit] = /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(duration) ?? []
  const ms = Math.round(Number(number) * (UNITS[unit ?? ''] ?? NaN))
  if (Number.isNaN(ms)) throw new Invalid(`${what} must be a duration with a unit, such as '250ms', '60s', '5m', '1h' or '1d'`)
  return ms
}

/** Returns a duration as it is sent: `60000ms`, or `0`. */
export function durationWord(duration: string, what: string): string {
  const ms = milliseconds(duration, what)
  return ms === 0 ? '0' : `${ms}ms`
}

/** Returns the length of a window as it is sent. A calendar month and a calendar week are sent as they are. */
export function windowWord(window: string): string {
  return window === '1mo' || window === '1w' ? window : durationWord(window, 'window')
}

/** Returns a duration in milliseconds that a timer can wait. Longer ones are cut. */
export function timerMs(duration: string, what: string): number {
  return Math.min(milliseconds(duration, what), TIMER_MAX)
}
