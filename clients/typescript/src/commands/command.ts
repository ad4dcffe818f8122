/** A call as data: the words that a server gets, the request that rl-coordinator gets, and how their answers are read. */

import type { Reply } from '../reply.js'

/** A key: text, or bytes if a server is asked. */
export type Key = string | Uint8Array

/** A word of a command. */
export type Word = Key

/** The lanes of a line, the most urgent first. */
export const LANES = ['critical', 'high', 'normal', 'low'] as const

/** The lane in which a request waits. */
export type Lane = (typeof LANES)[number]

/** How long a command may wait on the server. */
export interface Waiting {
  readonly ms: number
  readonly lane: Lane
  /** The indices of the word `WAIT`, and of the first word after those that say how to wait. */
  readonly at: number
  readonly end: number
}

/** A request to rl-coordinator. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
}

/** The JSON of an answer of rl-coordinator. */
export type Body = Readonly<Record<string, any>>

/** A call that can be sent. */
export interface Command<Answer> {
  readonly words: readonly Word[]
  /** Makes the request to rl-coordinator; null if it has no such request. */
  http(): HttpRequest | null
  readonly waiting?: Waiting | undefined
  /** Whether each primary of a cluster must get it, as for changes of policies. */
  readonly everyPrimary?: boolean | undefined
  /** Reads the reply of a server. */
  read(reply: Reply): Answer
  /** Reads the body of rl-coordinator's answer. null: there is no such key or policy. */
  readHttp?(body: Body | null): Answer
}

/** Returns a request with this body. */
export function post(path: string, body: Readonly<Record<string, unknown>>): () => HttpRequest {
  return () => ({ method: 'POST', path, body })
}
