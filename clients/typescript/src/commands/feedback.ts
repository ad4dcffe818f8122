/** RL.HOLD, RL.SYNC and RL.REFUND: what others say counts, too. */

import { durationWord, type Duration } from '../duration.js'
import { integer, record } from '../reply.js'
import { post, type Command, type Key, type Word } from './command.js'
import { timeField, type CallOptions } from './options.js'

/** What somebody else says is left of a limit. */
export interface Left {
  /** Below 0 it is a debt, which must come back before anybody is admitted. */
  readonly remaining: number
  /** What the limit is there. A lower one than here counts here, too. */
  readonly of?: number | undefined
  /** How long it counts. Default: the window of the limit. */
  readonly reset?: Duration | undefined
}

/** The options of RL.SYNC. */
export interface SyncOptions extends CallOptions {
  /** How long ago the request was sent whose response says what is left. An older response than the last one is then ignored. */
  readonly age?: Duration | undefined
}

/** RL.HOLD; answers the ms until the hold ends. */
export function hold(key: Key, duration: Duration, limits: readonly string[]): Command<number> {
  const word = durationWord(duration, 'hold')
  return {
    words: ['RL.HOLD', key, word, ...limits.flatMap((limit) => ['LIMIT', limit])],
    http: post('/v1/hold', { key, duration: timeField(word), ...(limits.length > 0 && { limits }) }),
    read: integer,
    readHttp: (body) => integer(body?.hold_ms)
  }
}

/** RL.SYNC for a key of one limit; answers what others use. */
export function sync(key: Key, left: Left, age?: Duration): Command<number> {
  const words: Word[] = ['RL.SYNC', key]
  const fields = { ...pushLeft(words, left), ...pushTime(words, 'age', age) }
  return {
    words,
    http: post('/v1/sync', { key, ...fields }),
    read: integer,
    readHttp: (body) => integer(body?.used_elsewhere)
  }
}

/** RL.SYNC for a quota; answers what others use, by limit. */
export function syncQuota(key: Key, left: Readonly<Record<string, Left>>, age?: Duration): Command<Record<string, number>> {
  const words: Word[] = ['RL.SYNC', key]
  const limits: Record<string, unknown> = {}
  for (const [name, of] of Object.entries(left)) {
    words.push('LIMIT', name)
    limits[name] = pushLeft(words, of)
  }
  const fields = { limits, ...pushTime(words, 'age', age) }
  return {
    words,
    http: post('/v1/sync', { key, ...fields }),
    read: (reply) => record(reply, integer),
    readHttp: (body) => record(body?.used_elsewhere, integer)
  }
}

/** RL.REFUND; answers what remains. */
export function refund(key: Key, cost: number): Command<number> {
  return {
    words: ['RL.REFUND', key, String(cost)],
    http: post('/v1/refund', { key, cost }),
    read: integer,
    readHttp: (body) => integer(body?.remaining)
  }
}

/** Adds what is left to a command, and returns it as fields of a body. */
function pushLeft(words: Word[], { remaining, of, reset }: Left): Record<string, unknown> {
  words.push('REMAINING', String(remaining))
  if (of !== undefined) words.push('OF', String(of))
  return { remaining, ...(of !== undefined && { of }), ...pushTime(words, 'reset', reset) }
}

/** Adds a time to a command, and returns it as a field of a body. */
function pushTime(words: Word[], name: 'reset' | 'age', time: Duration | undefined): Record<string, unknown> {
  if (time === undefined) return {}
  const word = durationWord(time, name)
  words.push(name.toUpperCase(), word)
  return { [name]: timeField(word) }
}
