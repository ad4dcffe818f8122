/** The limits of a quota or a policy, written as rl-coordinator and files of policies write them. */

import { milliseconds, windowWord, type Duration, type WindowLength } from '../duration.js'
import { Unavailable } from '../errors.js'
import { integer, map, text, type Reply } from '../reply.js'
import type { Body, Word } from './command.js'
import { offsetWord } from './single.js'

/** A limit of cost in time. */
export interface RateLimit {
  readonly name: string
  readonly limit: number
  readonly window: WindowLength
  /** What it counts. Default: `requests`. */
  readonly unit?: string | undefined
  /** Default: `slide`. A bucket gains `limit` per `window` and holds `capacity`. */
  readonly algorithm?: 'slide' | 'window' | 'bucket' | undefined
  /** Of `window`: moves the beginning of windows. */
  readonly offset?: Duration | undefined
  /** Of `bucket`: the most tokens that it holds. */
  readonly capacity?: number | undefined
  /** The limit counts and reports, and denies nobody. */
  readonly shadow?: boolean | undefined
}

/** A limit of reservations that are open at a time. */
export interface InflightLimit {
  readonly name: string
  readonly inflight: number
  readonly shadow?: boolean | undefined
}

/** A limit of a quota or a policy. */
export type Limit = RateLimit | InflightLimit

/** Adds `LIMIT …` for each limit. */
export function pushLimits(words: Word[], limits: readonly Limit[]): void {
  for (const limit of limits) {
    words.push('LIMIT', limit.name)
    if ('inflight' in limit) words.push(String(limit.inflight), 'INFLIGHT')
    else pushRate(words, limit)
    if (limit.shadow) words.push('SHADOW')
  }
}

function pushRate(words: Word[], { limit, window, unit, algorithm, offset, capacity }: RateLimit): void {
  words.push(String(limit), windowWord(window))
  if (unit !== undefined && unit !== 'requests') words.push('UNIT', unit)
  if (algorithm !== undefined && algorithm !== 'slide') words.push(algorithm.toUpperCase())
  const moved = offsetWord(offset)
  if (moved !== undefined) words.push('OFFSET', moved)
  if (capacity !== undefined) words.push(String(capacity))
}

/** The limits in JSON. */
export function limitFields(limits: readonly Limit[]): Record<string, unknown>[] {
  return limits.map((limit) => {
    const { name, shadow } = limit
    if ('inflight' in limit) return { name, inflight: limit.inflight, ...(shadow && { shadow }) }
    const { unit, algorithm, capacity } = limit
    const offset = offsetWord(limit.offset)
    return {
      name,
      limit: limit.limit,
      window: windowWord(limit.window),
      ...(unit !== undefined && unit !== 'requests' && { unit }),
      ...(algorithm !== undefined && algorithm !== 'slide' && { algorithm }),
      ...(offset !== undefined && { offset }),
      ...(capacity !== undefined && { capacity }),
      ...(shadow && { shadow })
    }
  })
}

/** Reads a limit of RL.POLICY GET. */
export function readLimit(reply: Reply): Limit {
  const fields = map(reply)
  const at = (field: string): Reply => fields.get(field) ?? null
  const name = text(at('name'))
  const shadow = at('shadow') === 1 ? { shadow: true } : {}
  const ms = (field: string) => `${integer(at(field))}ms` as const
  const unit = () => text(at('unit'))
  switch (text(at('algorithm'))) {
    case 'inflight':
      return { name, inflight: integer(at('limit')), ...shadow }
    case 'slide':
      return { name, limit: integer(at('limit')), window: ms('window_ms'), unit: unit(), algorithm: 'slide', ...shadow }
    case 'window': {
      const window = at('window_ms') === '1mo' ? '1mo' : ms('window_ms')
      const offset = integer(at('offset_ms')) === 0 ? {} : { offset: ms('offset_ms') }
      return { name, limit: integer(at('limit')), window, unit: unit(), algorithm: 'window', ...offset, ...shadow }
    }
    case 'bucket': {
      const size = { limit: Number(at('refill')), window: ms('period_ms'), capacity: integer(at('capacity')) }
      return { name, ...size, unit: unit(), algorithm: 'bucket', ...shadow }
    }
    default:
      throw new Unavailable('strange', 'the policy has a limit that this package does not know')
  }
}

/** Reads a limit of rl-coordinator. */
export function readLimitBody({ name, shadow, inflight, limit, window, unit, algorithm, offset, capacity }: Body): Limit {
  if (inflight !== undefined) return { name, inflight, ...(shadow && { shadow: true }) }
  const ms = (duration: string): Duration => `${milliseconds(duration, 'window')}ms`
  return {
    name,
    limit,
    window: window === '1mo' ? window : ms(window),
    unit,
    algorithm,
    ...(offset !== undefined && { offset: ms(offset) }),
    ...(capacity !== undefined && { capacity }),
    ...(shadow && { shadow: true })
  }
}
