/** RL.POLICY: the limits that the server keeps under a name. */

import { integer, list, text } from '../reply.js'
import type { Body, Command, Key, Word } from './command.js'
import { limitFields, pushLimits, readLimit, readLimitBody, type Limit } from './limits.js'

/** The path of a policy. A name of the allowed characters stays as it is. */
const path = (name: string) => `/v1/policies/${encodeURIComponent(name).replaceAll('%3A', ':')}`

/** The path of what a policy says of one key. */
const pathOf = (name: string, key: Key) => `${path(name)}/overrides/${encodeURIComponent(text(key)).replaceAll('%3A', ':')}`

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
    everyPrimary: true,
    http: () => ({ method: 'PUT', path: path(name), body: { limits: limitFields(limits) } }),
    read: () => undefined,
    readHttp: () => undefined
  }
}

/** RL.POLICY DEL; answers whether there was such a policy. */
export function deletePolicy(name: string): Command<boolean> {
  return {
    words: ['RL.POLICY', 'DEL', name],
    everyPrimary: true,
    http: () => ({ method: 'DELETE', path: path(name) }),
    read: (reply) => integer(reply) === 1,
    readHttp: (body) => body?.done === true
  }
}

/** RL.POLICY OVERRIDES: the keys that have limits of their own under a policy; null if there is no such policy. */
export function overrides(name: string): Command<string[] | null> {
  return {
    words: ['RL.POLICY', 'OVERRIDES', name],
    http: () => ({ method: 'GET', path: `${path(name)}/overrides` }),
    read: (reply) => (reply === null ? null : list(reply).map(text)),
    readHttp: (body) => (body === null ? null : list(body.overrides).map(text))
  }
}

/** RL.POLICY OVERRIDES … KEY: the limits of one key; null if it has none of its own. */
export function override(name: string, key: Key): Command<Limit[] | null> {
  return { ...policy(name), words: ['RL.POLICY', 'OVERRIDES', name, 'KEY', key], http: () => ({ method: 'GET', path: pathOf(name, key) }) }
}

/** RL.POLICY OVERRIDE */
export function setOverride(name: string, key: Key, limits: readonly Limit[]): Command<void> {
  const words: Word[] = ['RL.POLICY', 'OVERRIDE', name, key]
  pushLimits(words, limits)
  return { ...setPolicy(name, limits), words, http: () => ({ method: 'PUT', path: pathOf(name, key), body: { limits: limitFields(limits) } }) }
}

/** RL.POLICY OVERRIDE … NONE */
export function deleteOverride(name: string, key: Key): Command<void> {
  return {
    words: ['RL.POLICY', 'OVERRIDE', name, key, 'NONE'],
    everyPrimary: true,
    http: () => ({ method: 'DELETE', path: pathOf(name, key) }),
    read: () => undefined,
    readHttp: () => undefined
  }
}
