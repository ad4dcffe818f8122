/**
 * Requests that wait, and the connections on which they wait.
 *
 * A request that waits blocks its connection. So each key and lane has a bounded number of connections, and requests beyond
 * that queue here, first come, first served. Lanes have connections of their own, so that a lower lane never holds up a higher
 * one. Keys have, too, so that a full key does not hold up another one.
 */

import type { Command, Waiting } from '../commands/command.js'
import { Unavailable } from '../errors.js'
import type { Reply } from '../reply.js'
import { bounded, type Client, type Dedicated } from './client.js'
import type { Bounds } from './connection.js'

/** The requests of one key and lane. */
interface Line {
  /** The number of connections in use. */
  busy: number
  /** Start the requests that queue, in their order. */
  readonly queue: (() => void)[]
}

export class WaitLines {
  readonly #client: Client
  readonly #perLine: number
  readonly #lines = new Map<string, Line>()
  readonly #idle: Dedicated[] = []
  readonly #open = new Set<Dedicated>()

  /** `perLine` is the most connections of one key and lane. */
  constructor(client: Client, perLine: number) {
    this.#client = client
    this.#perLine = perLine
  }

  /** Sends a command that waits. The time for which it queues here counts. */
  async send({ words }: Command<unknown>, waiting: Waiting, bounds: Bounds): Promise<Reply> {
    const name = `${waiting.lane} ${String(words[1])} ${String(words[2])}`
    const line = this.#line(name)
    const began = performance.now()
    if (line.busy < this.#perLine) {
      line.busy += 1
    } else if (!(await queue(line, waiting.ms, bounds))) {
      // The time is over: the request gets the denial that it would get now.
      return this.#client.send([...words.slice(0, waiting.at), ...words.slice(waiting.end)], bounds)
    }
    try {
      const queuedMs = Math.round(performance.now() - began)
      const leftMs = Math.max(1, waiting.ms - queuedMs)
      const left = queuedMs === 0 ? words : [...words.slice(0, waiting.at + 1), `${leftMs}ms`, ...words.slice(waiting.at + 2)]
      return await this.#wait(left, leftMs, bounds)
    } finally {
      const next = line.queue.shift()
      if (next) {
        next() // it takes over the connection's place
      } else {
        line.busy -= 1
        if (line.busy === 0) this.#lines.delete(name)
      }
    }
  }

  /** Closes all connections. Requests that wait on them fail. */
  close(): void {
    for (const connection of this.#open) connection.close()
    this.#open.clear()
    this.#idle.length = 0
  }

  #line(name: string): Line {
    let line = this.#lines.get(name)
    if (!line) this.#lines.set(name, (line = { busy: 0, queue: [] }))
    return line
  }

  async #wait(words: Command<unknown>['words'], waitMs: number, { timeoutMs, signal }: Bounds): Promise<Reply> {
    signal?.throwIfAborted()
    const connection = this.#idle.pop() ?? this.#connect()
    // A server that hangs is found by a PING, long before the wait is over. Any reply to it will do.
    const alive = bounded(
      connection.send(['PING'], { timeoutMs: waitMs + timeoutMs }).catch(() => null),
      { timeoutMs }
    )
    const reply = connection.send(words, { timeoutMs: waitMs + timeoutMs, signal })
    try {
      const [answer] = await Promise.all([reply, alive])
      if (this.#open.has(connection)) this.#idle.push(connection)
      return answer
    } catch (error) {
      // Once its connection is closed, the server takes the request out of its line.
      connection.close()
      this.#open.delete(connection)
      reply.catch(() => {})
      throw error
    }
  }

  #connect(): Dedicated {
    const connection = this.#client.dedicated()
    this.#open.add(connection)
    return connection
  }
}

/** Resolves with true when it is the request's turn, or with false after `ms`. */
async function queue(line: Line, ms: number, { signal }: Bounds): Promise<boolean> {
  let start = () => {}
  const turn = new Promise<boolean>((resolve) => line.queue.push((start = () => resolve(true))))
  const leave = () => {
    const at = line.queue.indexOf(start)
    if (at >= 0) line.queue.splice(at, 1)
  }
  return bounded(turn, { timeoutMs: ms, signal }, leave).catch((error) => {
    if (error instanceof Unavailable) return false
    throw error
  })
}
