/** RL.PEEK, RL.INFO and RL.TOP: they change nothing. */

import type { Figure, KeyInfo, Parameters, Peeked, TopKey } from '../answers.js'
import { integer, list, map, record, text, type Reply } from '../reply.js'
import { post, type Command, type Key, type Word } from './command.js'
import { costField, pushCosts, type Costs } from './options.js'
import { readQuota, readQuotaBody } from './quota.js'
import { readDecision, readDecisionBody } from './single.js'

/** RL.PEEK, with the cost of a request: by unit, or that of a single limit. */
export function peek(key: Key, cost: number | Costs | undefined): Command<Peeked> {
  const words: Word[] = ['RL.PEEK', key]
  const isOne = cost === undefined || cost === 1
  if (typeof cost !== 'number') pushCosts(words, cost)
  else if (!isOne) words.push('COST', String(cost))
  const field = typeof cost !== 'number' ? costField(cost) : isOne ? {} : { cost }
  return {
    words,
    http: post('/v1/peek', { key, ...field }),
    read(reply) {
      if (reply === null) return null
      return Array.isArray(list(reply)[2]) ? readQuota(reply) : readDecision(reply)
    },
    readHttp(body) {
      if (body === null) return null
      return 'blocking' in body ? readQuotaBody(body) : readDecisionBody(body)
    }
  }
}

/** RL.INFO */
export function info(key: Key): Command<KeyInfo | null> {
  return { words: ['RL.INFO', key], http: () => null, read: (reply) => (reply === null ? null : readInfo(reply)) }
}

function readInfo(reply: Reply): KeyInfo {
  const fields = map(reply)
  const at = (field: string): Reply => fields.get(field) ?? null
  const algorithm = text(at('algorithm')) as KeyInfo['algorithm']
  const figure = (field: string): Figure => {
    const value = at(field)
    return typeof value === 'object' && value !== null ? record(value, integer) : integer(value)
  }
  return {
    algorithm,
    policy: at('policy') === null ? null : text(at('policy')),
    parameters: algorithm === 'quota' ? record(at('parameters'), parameters) : parameters(at('parameters')),
    used: figure('used'),
    remaining: figure('remaining'),
    heldMs: figure('held_ms'),
    usedElsewhere: figure('used_elsewhere'),
    elsewhereMs: figure('elsewhere_ms'),
    waiting: record(at('waiting'), integer) as KeyInfo['waiting'],
    headWaitMs: at('head_wait_ms') === null ? null : integer(at('head_wait_ms')),
    reservations: integer(at('reservations')),
    bytes: integer(at('bytes'))
  }
}

/** Reads parameters. The refill of a bucket stays text, because it may be decimal. */
function parameters(reply: Reply): Parameters {
  return record(reply, (value) => (typeof value === 'number' ? value : text(value)))
}

/** What RL.TOP lists. */
export interface TopOptions {
  /** Keys by their denied, admitted or held requests. Default: `denied`. */
  readonly by?: 'denied' | 'admitted' | 'held' | undefined
  /** From 1 to 1024. Default: 10. */
  readonly count?: number | undefined
}

/** RL.TOP */
export function top({ by, count }: TopOptions): Command<TopKey[]> {
  const words = ['RL.TOP', ...(by === undefined ? [] : [by.toUpperCase()])]
  if (count !== undefined) words.push('COUNT', String(count))
  const row = (reply: Reply) => {
    const [key, counted, error] = list(reply)
    return { key: text(key), count: integer(counted), error: integer(error) }
  }
  return { words, http: () => null, read: (reply) => list(reply).map(row) }
}

/** RL.TOP RESET */
export function topReset(): Command<void> {
  return { words: ['RL.TOP', 'RESET'], http: () => null, read: () => undefined }
}
