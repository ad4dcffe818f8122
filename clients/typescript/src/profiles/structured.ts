/**
 * The header field `RateLimit` of draft-ietf-httpapi-ratelimit-headers: a list of structured items (RFC 9651).
 *
 * `"rpm";r=999;t=60, "tpm";r=79500;t=60`
 *
 * Only what the field needs is read: names as strings or tokens, and the integers `r` and `t`. An item without `r` is left
 * out, and so is everything that follows something that is no list.
 */

import { count, type Left } from './left.js'
import { timeMs } from './time.js'

/** The most limits that are read. */
const LIMITS_MAX = 64

const ITEM = /\s*(?:"((?:[^"\\]|\\["\\])*)"|([^";, ]*))/y
const PARAMETER = /\s*;\s*([^=;, ]*)(?:=(?:"((?:[^"\\]|\\["\\])*)"|([^";, ][^;, ]*|)))?/y
const COMMA = /\s*,/y

/** Reads the limits of the field. */
export function structuredLimits(text: string): Left[] {
  const limits: Left[] = []
  let at = 0
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found) at = pattern.lastIndex
    return found
  }
  for (let items = 0; items < LIMITS_MAX; items += 1) {
    const item = next(ITEM)
    if (!item) break
    const name = item[1]?.replace(/\\(["\\])/g, '$1') ?? item[2] ?? ''
    let remaining: number | null = null
    let resetMs: number | null = null
    for (let parameter = next(PARAMETER); parameter; parameter = next(PARAMETER)) {
      const [, key, , value = ''] = parameter
      if (key === 'r') remaining = count(value)
      if (key === 't') resetMs = timeMs('seconds', value, 0)
    }
    if (name !== '' && remaining !== null) limits.push({ names: [name], remaining, of: null, resetMs })
    if (!next(COMMA)) break
  }
  return limits
}
