/** RL.QUOTA, RL.MQUOTA and RL.FIRST: requests of many limits, all or nothing. */

import type { FirstDecision, LimitState, QuotaDecision } from '../answers.js'
import { durationWord, type Duration } from '../duration.js'
import { after, integer, list, text, type Reply } from '../reply.js'
import type { Body, Command, Key, Word } from './command.js'
import { limitFields, pushLimits, type Limit } from './limits.js'
import { costField, pushCosts, pushWait, waitFields, type CallOptions, type Costs, type WaitOptions } from './options.js'

/** The options of a request of several limits. */
export interface QuotaOptions extends CallOptions, WaitOptions {
  /** What the request consumes, by unit, such as `{ input: 3200, output: 4096 }`. */
  cost?: Costs | undefined
  /** Reserves the cost as an estimate for so long, until it is settled. `limiter.reserve` does it as a scope. */
  reserve?: Duration | undefined
  /** The id of the reservation. A request with the id of an open reservation gets its first answer and is charged once. */
  id?: string | undefined
  /** Leaves `blocking` and `limits` out of the answer. */
  short?: boolean | undefined
}

/** A key and its policy. */
export interface KeyPolicy {
  readonly key: Key
  readonly policy: string
}

/** RL.QUOTA, by the name of a policy or by limits. */
export function quota(key: Key, rules: string | readonly Limit[], options: QuotaOptions): Command<QuotaDecision> {
  const words: Word[] = ['RL.QUOTA', key]
  if (typeof rules === 'string') words.push('POLICY', rules)
  else pushLimits(words, rules)
  const fields = () => ({ key, ...(typeof rules === 'string' ? { policy: rules } : { limits: limitFields(rules) }) })
  return many(words, options, 'quota', fields, readersOf(options))
}

/** RL.MQUOTA */
export function mquota(keys: readonly KeyPolicy[], options: QuotaOptions): Command<QuotaDecision> {
  return many(wordsOf('RL.MQUOTA', keys), options, 'mquota', () => ({ keys }), readersOf(options))
}

/** RL.FIRST */
export function first(keys: readonly KeyPolicy[], options: QuotaOptions): Command<FirstDecision> {
  const { read, readHttp } = readersOf(options)
  const readers: Readers<FirstDecision> = {
    // The index is the last element, whatever stands before it.
    read: (reply) => ({ ...read(list(reply).slice(0, -1)), index: integer(list(reply).at(-1)) }),
    readHttp: (body) => ({ ...readHttp(body), index: integer(body?.index) })
  }
  return many(wordsOf('RL.FIRST', keys), options, 'first', () => ({ keys }), readers)
}

function wordsOf(name: string, keys: readonly KeyPolicy[]): Word[] {
  return [name, String(keys.length), ...keys.map(({ key }) => key), 'POLICY', ...keys.map(({ policy }) => policy)]
}

/** How a decision is read from a reply, and from a body of rl-coordinator. */
interface Readers<Answer> {
  read(reply: Reply): Answer
  readHttp(body: Body | null): Answer
}

function readersOf({ short }: QuotaOptions): Readers<QuotaDecision> {
  return { read: short ? readShort : readQuota, readHttp: readQuotaBody }
}

function many<Answer>(
  words: Word[],
  options: QuotaOptions,
  path: string,
  fields: () => Record<string, unknown>,
  readers: Readers<Answer>
): Command<Answer> {
  const { cost, id, short } = options
  pushCosts(words, cost)
  const reserve = options.reserve === undefined ? undefined : durationWord(options.reserve, 'reserve')
  if (reserve !== undefined) words.push('RESERVE', reserve)
  if (reserve !== undefined && id !== undefined) words.push('ID', id)
  const waiting = pushWait(words, options)
  if (short) words.push('REPLY', 'SHORT')
  return {
    words,
    waiting,
    http() {
      const wait = waitFields(waiting, options)
      const held = reserve === undefined ? {} : { reserve, ...(id !== undefined && { id }) }
      const body = { ...fields(), ...costField(cost), ...held, ...wait, on_error: 'deny' }
      return { method: 'POST', path: `/v1/${path}`, body }
    },
    ...readers
  }
}

/** Reads the reply of RL.QUOTA, and of RL.PEEK for a quota. */
export function readQuota(reply: Reply): QuotaDecision {
  const [allowed, retry, blocking, rows, id] = list(reply)
  return {
    allowed: integer(allowed) === 1,
    retryAfterMs: after(retry),
    blocking: list(blocking).map(text),
    limits: Object.fromEntries(list(rows).map(readRow)),
    ...(id !== undefined && id !== null && { id: text(id) })
  }
}

/** Reads the reply of `REPLY SHORT`. */
function readShort(reply: Reply): QuotaDecision {
  const [allowed, retry, id] = list(reply)
  return readQuota([allowed ?? null, retry ?? null, [], [], id ?? null])
}

function readRow(row: Reply): [string, LimitState] {
  const [name, limit, remaining, retry, reset] = list(row)
  const state = {
    limit: integer(limit),
    remaining: integer(remaining),
    retryAfterMs: after(retry),
    resetAfterMs: integer(reset)
  }
  return [text(name), state]
}

/** Reads the body about a quota. */
export function readQuotaBody(body: Body | null): QuotaDecision {
  const row = (of: Body) => [of.name, of.limit, of.remaining, of.retry_after_ms, of.reset_after_ms]
  const rows = (body?.limits ?? []).map(row)
  return readQuota([Number(body?.allowed), body?.retry_after_ms, body?.blocking ?? [], rows, body?.reservation ?? null])
}
