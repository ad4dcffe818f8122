/** The forms in which providers write times. All give ms from now, rounded up, more than 0 and at most 3650 d. */

/** How a time is written. */
export type Form = 'rfc3339' | 'go-duration' | 'seconds' | 'milliseconds' | 'unix' | 'seconds-or-date'

/** The longest time, in ms: 3650 d, as in the commands. */
const TIME_MAX_MS = 315_360_000_000

/** From here on, an instant is in ms: in seconds it would be the year 5138. */
const UNIX_MS_FROM = 100_000_000_000

/** Units of a Go duration in nanoseconds, longer names first. */
const GO_UNITS: readonly [string, number][] = [
  ['ms', 1e6],
  ['us', 1e3],
  ['\u00b5s', 1e3],
  ['ns', 1],
  ['h', 3_600e9],
  ['m', 60e9],
  ['s', 1e9],
  ['d', 86_400e9]
]

/** Returns the ms from `nowMs`; null if the text is not of this form, or not in the future. */
export function timeMs(form: Form, text: string, nowMs: number): number | null {
  const ms = read(form, text, nowMs)
  return ms !== null && ms > 0 ? Math.min(ms, TIME_MAX_MS) : null
}

function read(form: Form, text: string, nowMs: number): number | null {
  const from = (instant: number | null) => (instant === null ? null : instant - nowMs)
  switch (form) {
    case 'rfc3339':
      return from(instant(text))
    case 'go-duration':
      return goMs(text)
    case 'seconds':
      return decimalMs(text, 1e9)
    case 'milliseconds':
      return decimalMs(text, 1e6)
    case 'unix':
      return from(unix(text))
    case 'seconds-or-date':
      return decimalMs(text, 1e9) ?? from(httpDate(text))
  }
}

/** A decimal number without a sign, in units of so many nanoseconds. Decimals beyond the ninth are dropped. */
function nanos(text: string, unit: number): bigint | null {
  const [, whole, decimals = ''] = /^([0-9]+)(?:\.([0-9]+))?$/.exec(text) ?? []
  if (whole === undefined) return null
  const size = BigInt(unit)
  return BigInt(whole) * size + (BigInt(decimals.slice(0, 9).padEnd(9, '0')) * size) / 1_000_000_000n
}

function roundUp(total: bigint): number {
  return Number((total + 999_999n) / 1_000_000n)
}

function decimalMs(text: string, unit: number): number | null {
  const total = nanos(text, unit)
  return total === null ? null : roundUp(total)
}

/** `1h2m3.5s`: numbers with units, as Go writes durations. */
function goMs(text: string): number | null {
  let rest = text
  let total = 0n
  do {
    const number = /^[0-9.]+/.exec(rest)?.[0] ?? ''
    rest = rest.slice(number.length)
    const unit = GO_UNITS.find(([name]) => rest.startsWith(name))
    const part = unit ? nanos(number, unit[1]) : null
    if (!unit || part === null) return null
    total += part
    rest = rest.slice(unit[0].length)
  } while (rest !== '')
  return roundUp(total)
}

/** Seconds since 1970, or ms if the number is large; as ms. */
function unix(text: string): number | null {
  const whole = text.split('.', 1)[0] ?? ''
  if (!/^[0-9]+$/.test(whole)) return null
  const number = Math.min(Number(whole), Number.MAX_SAFE_INTEGER)
  return number < UNIX_MS_FROM ? number * 1_000 : number
}

function httpDate(text: string): number | null {
  // Other texts, too, are dates to Date.parse: '5' is the first of May.
  if (!/^[A-Z][a-z]{2,8},? .*GMT$/.test(text)) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : at
}

/** An instant of RFC 3339 in ms since 1970, rounded up. */
function instant(text: string): number | null {
  const parts = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.([0-9]+))?([Zz]|[+-]\d{2}:\d{2})$/.exec(text)
  if (!parts) return null
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate()
  if (month < 1 || month > 12 || day < 1 || day > days || hour > 23 || minute > 59 || second > 60) return null
  const zone = offsetMs(parts[8] ?? 'Z')
  if (zone === null) return null
  return Date.UTC(year, month - 1, day, hour, minute, second) + roundUp(nanos(`0.${parts[7] ?? 0}`, 1e9) ?? 0n) - zone
}

/** How many ms a zone is ahead of UTC. */
function offsetMs(zone: string): number | null {
  if (zone === 'Z' || zone === 'z') return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4, 6))]
  if (hours > 23 || minutes > 59) return null
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}
