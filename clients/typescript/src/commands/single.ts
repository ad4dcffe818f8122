/** RL.SLIDE, RL.WINDOW and RL.BUCKET: requests of one limit. */

import type { Decision } from '../answers.js'
import { durationWord, milliseconds, windowWord, type Duration, type WindowLength } from '../duration.js'
import { after, integer, list, type Reply } from '../reply.js'
import type { Body, Command, Key, Word } from './command.js'
import { pushWait, waitFields, type CallOptions, type WaitOptions } from './options.js'

/** The options of a request of one limit. */
export interface SingleOptions extends CallOptions, WaitOptions {
  /** What the request consumes. Default: 1. 0 takes nothing and is always admitted. */
  cost?: number | undefined
}

/** The options of `window`. */
export interface WindowOptions extends SingleOptions {
  /** Moves the beginning of windows: `'-8h'` makes days begin at midnight in UTC+8. */
  offset?: Duration | undefined
}

/** The options of `bucket`. */
export interface BucketOptions extends SingleOptions {
  /** The time in which the bucket gains `refill` tokens. Default: a second. */
  period?: Duration | undefined
}

/** RL.SLIDE */
export function slide(key: Key, limit: number, window: Duration, options: SingleOptions): Command<Decision> {
  const length = durationWord(window, 'window')
  return single(['RL.SLIDE', key, String(limit), length], options, 'slide', () => ({ key, limit, window: length }))
}

/** RL.WINDOW */
export function window(key: Key, limit: number, window: WindowLength, options: WindowOptions): Command<Decision> {
  const length = windowWord(window)
  const offset = offsetWord(options.offset)
  const words = ['RL.WINDOW', key, String(limit), length, ...(offset === undefined ? [] : ['OFFSET', offset])]
  return single(words, options, 'window', () => ({ key, limit, window: length, ...(offset !== undefined && { offset }) }))
}

/** RL.BUCKET */
export function bucket(key: Key, capacity: number, refill: number | string, options: BucketOptions): Command<Decision> {
  const period = options.period === undefined ? undefined : durationWord(options.period, 'period')
  const words = ['RL.BUCKET', key, String(capacity), String(refill), ...(period === undefined ? [] : [period])]
  const fields = () => ({ key, capacity, refill: Number(refill), ...(period !== undefined && { period }) })
  return single(words, options, 'bucket', fields)
}

/** Returns an offset as it is sent; undefined if it is 0. */
export function offsetWord(offset: Duration | undefined): string | undefined {
  return offset === undefined || milliseconds(offset, 'offset') === 0 ? undefined : durationWord(offset, 'offset')
}

function single(words: Word[], options: SingleOptions, path: string, fields: () => Record<string, unknown>): Command<Decision> {
  const cost = options.cost === 1 ? undefined : options.cost
  if (cost !== undefined) words.push('COST', String(cost))
  const waiting = pushWait(words, options)
  return {
    words,
    waiting,
    http() {
      const wait = waitFields(waiting, options)
      const body = { ...fields(), ...(cost !== undefined && { cost }), ...wait, on_error: 'deny' }
      return { method: 'POST', path: `/v1/${path}`, body }
    },
    read: readDecision,
    readHttp: readDecisionBody
  }
}

/** Reads the five integers. */
export function readDecision(reply: Reply): Decision {
  const [allowed, limit, remaining, retry, reset] = list(reply)
  return {
    allowed: integer(allowed) === 1,
    limit: integer(limit),
    remaining: integer(remaining),
    retryAfterMs: after(retry),
    resetAfterMs: integer(reset)
  }
}

/** Reads the fields of a decision about one limit. */
export function readDecisionBody(body: Body | null): Decision {
  return readDecision([Number(body?.allowed), body?.limit, body?.remaining, body?.retry_after_ms, body?.reset_after_ms])
}
