/** The list of clients/conformance, and its neutral names in those of this package. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { Invalid, RlError, Unavailable, type Duration, type Limit, type Limiter } from '../../src/index.js'
import { ROOT } from './servers.js'

/** A case of the list, as it is written. */
export type Case = Readonly<Record<string, any>>

/** The list. */
export const LIST = JSON.parse(readFileSync(join(ROOT, 'clients/conformance/cases.json'), 'utf8')) as Readonly<Record<string, Case[]>>

const ms = (time: number | undefined): Duration | undefined => (time === undefined ? undefined : `${time}ms`)

/** The limits of a case. */
function limits(list: Case[]): Limit[] {
  return list.map(({ window_ms, offset_ms, window, ...limit }) => {
    if (limit['inflight'] !== undefined) return limit as Limit
    return { ...limit, window: window ?? ms(window_ms), offset: ms(offset_ms) } as Limit
  })
}

/** Makes the call of a case. */
export async function perform(limiter: Limiter, call: string, args: Case): Promise<unknown> {
  const { key, cost, priority, flow, weight, id, short } = args
  const options = { cost, priority, flow, weight, id, short, wait: ms(args['wait_ms']), reserve: ms(args['reserve_ms']) }
  const left = ({ remaining, of, reset_ms }: Case) => ({ remaining, of, reset: ms(reset_ms) })
  const age = { age: ms(args['age_ms']) }
  switch (call) {
    case 'slide':
      return limiter.slide(key, args['limit'], ms(args['window_ms'])!, options)
    case 'window':
      return limiter.window(key, args['limit'], args['window'] ?? ms(args['window_ms']), { ...options, offset: ms(args['offset_ms']) })
    case 'bucket':
      return limiter.bucket(key, args['capacity'], args['refill'], { ...options, period: ms(args['period_ms']) })
    case 'quota':
      return limiter.quota(key, args['policy'] ?? limits(args['limits']), options)
    case 'mquota':
      return limiter.mquota(args['keys'], options)
    case 'first':
      return limiter.first(args['keys'], options)
    case 'settle':
      return limiter.settle(key, id, cost)
    case 'cancel':
      return limiter.cancel(key, id)
    case 'renew':
      return limiter.renew(key, id, ms(args['ttl_ms'])!)
    case 'peek':
      return limiter.peek(key, cost)
    case 'refund':
      return limiter.refund(key, cost)
    case 'info':
      return limiter.info(key)
    case 'top':
      return limiter.top(args)
    case 'top_reset':
      return limiter.topReset()
    case 'hold':
      return limiter.hold(key, ms(args['duration_ms'])!, args['limits'])
    case 'sync':
      if (args['limits'] === undefined) return limiter.sync(key, left(args), age)
      return limiter.syncQuota(key, Object.fromEntries(Object.entries<Case>(args['limits']).map(([name, of]) => [name, left(of)])), age)
    case 'policies':
      return limiter.policies()
    case 'policy_get':
      return limiter.policy(args['name'])
    case 'policy_set':
      return limiter.setPolicy(args['name'], limits(args['limits'] ?? []))
    case 'overrides':
      return limiter.overrides(args['name'])
    case 'override_get':
      return limiter.override(args['name'], key)
    case 'override_set':
      return limiter.setOverride(args['name'], key, limits(args['limits'] ?? []))
    case 'override_delete':
      return limiter.deleteOverride(args['name'], key)
    case 'policy_delete':
      return limiter.deletePolicy(args['name'])
    default:
      throw new Error(`the list has a call that this test does not know: ${call}`)
  }
}

/** Arguments for a case that names a call and none. */
export const SOME_ARGS: Case = {
  key: 'k',
  limit: 5,
  window_ms: 1_000,
  capacity: 5,
  refill: 1,
  policy: 'p',
  keys: [{ key: 'k', policy: 'p' }],
  id: 'i',
  duration_ms: 1_000,
  ttl_ms: 1_000,
  remaining: 1,
  name: 'p'
}

const MAPS_OF_THE_CALLER = new Set(['limits', 'parameters', 'used', 'remaining', 'waiting'])

/** An answer of this package in the neutral form. */
export function neutral(answer: any): any {
  if (answer === undefined || answer === null) return null
  if (Array.isArray(answer)) return answer.map(neutral)
  if (answer === Infinity) return null
  if (typeof answer !== 'object') return answer
  if ('name' in answer) return neutralLimit(answer)
  if ('allowed' in answer) return { ...('blocking' in answer && { id: null }), ...fields(answer), degraded: answer.degraded !== undefined }
  return fields(answer)
}

function fields(answer: any): any {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const entries = Object.entries<any>(answer).map(([name, value]) => {
    if (!MAPS_OF_THE_CALLER.has(name) || typeof value !== 'object') return [snake(name), neutral(value)]
    return [name, Object.fromEntries(Object.entries<any>(value).map(([of, inner]) => [of, neutral(inner)]))]
  })
  return Object.fromEntries(entries)
}

function neutralLimit({ window, offset, ...limit }: any): any {
  const inMs = (duration: string) => Number(duration.replace('ms', ''))
  const length = window === undefined ? {} : window === '1mo' ? { window } : { window_ms: inMs(window) }
  return { ...limit, ...length, ...(offset !== undefined && { offset_ms: inMs(offset) }) }
}

/** An error of this package in the neutral form. */
export function neutralError(error: unknown): { class: string; cause?: string } {
  if (!(error instanceof RlError)) throw error
  if (error instanceof Unavailable) return { class: 'Unavailable', cause: error.reason }
  return { class: error instanceof Invalid ? 'Invalid' : error.name }
}

/** Whether a value is as a case says. Objects are compared by the fields that the case names. */
export function matches(found: any, said: any): boolean {
  if (said === null || typeof said !== 'object') return found === said
  if (Array.isArray(said)) return Array.isArray(found) && found.length === said.length && said.every((one, at) => matches(found[at], one))
  if ('between' in said) return typeof found === 'number' && found >= said.between[0] && found <= said.between[1]
  return typeof found === 'object' && found !== null && Object.keys(said).every((name) => matches(found[name], said[name]))
}
