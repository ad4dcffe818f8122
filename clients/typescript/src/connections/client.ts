/** What a client of a server must be able to do: the package's own, node-redis and ioredis all do. */

import type { Word } from '../commands/command.js'
import { Unavailable } from '../errors.js'
import type { Reply } from '../reply.js'
import type { Bounds } from './connection.js'

/** A client of a server. */
export interface Client {
  /** Sends a command on a connection that is shared with others. */
  send(words: readonly Word[], bounds: Bounds): Promise<Reply>
  /** Sends a command to each primary of a cluster, and resolves to one of the replies. Absent: there is one server. */
  sendToPrimaries?(words: readonly Word[], bounds: Bounds): Promise<Reply>
  /** Returns a connection for one request at a time, as a request that waits blocks its connection. */
  dedicated(): Dedicated
  close(): void
}

/** A connection for one request at a time. */
export interface Dedicated {
  /** Sends a command. If it rejects without an error reply, the connection is of no more use. */
  send(words: readonly Word[], bounds: Bounds): Promise<Reply>
  close(): void
}

/** Returns the key by which a cluster finds the node of a command. */
export function firstKey<W extends Word>(words: readonly W[]): W | undefined {
  if (words[0] === 'RL.POLICY' || words[0] === 'RL.TOP') return undefined
  return words[0] === 'RL.MQUOTA' || words[0] === 'RL.FIRST' ? words[2] : words[1]
}

/** Rejects when `timeoutMs` has passed or the signal is aborted; `end` then gives up the work. */
export function bounded<Result>(work: Promise<Result>, { timeoutMs, signal }: Bounds, end?: (reason: unknown) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const give = (reason: unknown) => {
      done()
      end?.(reason)
      reject(reason)
    }
    const timer = setTimeout(() => give(new Unavailable('down', `no answer within ${timeoutMs} ms`)), timeoutMs)
    const abort = () => give(signal?.reason)
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    signal?.addEventListener('abort', abort)
    work.then(resolve, reject).finally(done)
    if (signal?.aborted) abort()
  })
}
