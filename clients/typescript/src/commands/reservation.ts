/** RL.SETTLE, RL.CANCEL and RL.RENEW: what becomes of a reservation. Each answers whether the reservation was open. */

import { durationWord, type Duration } from '../duration.js'
import { integer } from '../reply.js'
import { post, type Command, type Key, type Word } from './command.js'
import { costField, pushCosts, type Costs } from './options.js'

/** RL.SETTLE */
export function settle(key: Key, id: string, costs: Costs | undefined): Command<boolean> {
  const words: Word[] = ['RL.SETTLE', key, id]
  pushCosts(words, costs)
  return about(words, 'settle', { key, id, ...costField(costs) })
}

/** RL.CANCEL */
export function cancel(key: Key, id: string): Command<boolean> {
  return about(['RL.CANCEL', key, id], 'cancel', { key, id })
}

/** RL.RENEW */
export function renew(key: Key, id: string, ttl: Duration): Command<boolean> {
  const word = durationWord(ttl, 'ttl')
  return about(['RL.RENEW', key, id, word], 'renew', { key, id, ttl: word })
}

function about(words: Word[], path: string, body: Record<string, unknown>): Command<boolean> {
  return {
    words,
    http: post(`/v1/${path}`, body),
    read: (reply) => integer(reply) === 1,
    readHttp: (body) => body?.done === true
  }
}
