/** RL.POLICY: the limits that the server keeps under a name. */

import { integer, list, text } from '../reply.js'
import type { Body, Command, Word } from './command.js'
import { limitFields, pushLimits, readLimit, readLimitBody, type Limit } from './limits.js'

/** The path of a policy. A name of the allowed characters stays as it is. */
const path = (name: string) => `/v1/policies/${encodeURIComponent(name).replaceAll('%3A', ':')}`

/** RL.POLICY LIST */
export function policies(): Command<string[]> {
  return {
    words: ['RL.POLICY', 'LIST'],
    http: () => ({ method: 'GET', path: '/v1/policies' }),
    read: (reply) => list(reply).map(text),
    readHttp: (body) => list(body?.policies).map(text)
  }
}

/** RL.POLICY GET; null if there is no such policy. */
export function policy(name: string): Command<Limit[] | null> {
  return {
    words: ['RL.POLICY', 'GET', name],
    http: () => ({ method: 'GET', path: path(name) }),
    read: (reply) => (reply === null ? null : list(reply).map(readLimit)),
    readHttp: (body) => (body === null ? null : (body.limits as Body[]).map(readLimitBody))
  }
}

/** RL.POLICY SET */
export function setPolicy(name: string, limits: readonly Limit[]): Command<void> {
  const words: Word[] = ['RL.POLICY', 'SET', name]
  pushLimits(words, limits)
  return {
    words,
    http: () => ({ method: 'PUT', path: path(name), body: { limits: limitFields(limits) } }),
    read: () => undefined,
    readHttp: () => undefined
  }
}

/** RL.POLICY DEL; answers whether there was such a policy. */
export function deletePolicy(name: string): Command<boolean> {
  return {
    words: ['RL.POLICY', 'DEL', name],
    http: () => ({ method: 'DELETE', path: path(name) }),
    read: (reply) => integer(reply) === 1,
    readHttp: (body) => body?.done === true
  }
}
