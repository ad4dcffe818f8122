/** RL.HOLD, RL.SYNC and RL.REFUND: what others say counts, too. */

import { durationWord, type Duration } from '../duration.js'
import { integer, record } from '../reply.js'
import { post, type Command, type Key, type Word } from './command.js'
import { timeField } from './options.js'

/** What somebody else says is left of a limit. */
export interface Left {
  readonly remaining: number
  /** How long it counts. Default: the window of the limit. */
  readonly reset?: Duration | undefined
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
export function sync(key: Key, left: Left): Command<number> {
  const words: Word[] = ['RL.SYNC', key]
  const fields = pushLeft(words, left)
  return {
    words,
    http: post('/v1/sync', { key, ...fields }),
    read: integer,
    readHttp: (body) => integer(body?.used_elsewhere)
  }
}

/** RL.SYNC for a quota; answers what others use, by limit. */
export function syncQuota(key: Key, left: Readonly<Record<string, Left>>): Command<Record<string, number>> {
  const words: Word[] = ['RL.SYNC', key]
  const limits: Record<string, unknown> = {}
  for (const [name, of] of Object.entries(left)) {
    words.push('LIMIT', name)
    limits[name] = pushLeft(words, of)
  }
  return {
    words,
    http: post('/v1/sync', { key, limits }),
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
function pushLeft(words: Word[], { remaining, reset }: Left): Record<string, unknown> {
  words.push('REMAINING', String(remaining))
  if (reset === undefined) return { remaining }
  const word = durationWord(reset, 'reset')
  words.push('RESET', word)
  return { remaining, reset: timeField(word) }
}
