/** A server with the module, through any client. */

import type { Command } from '../commands/command.js'
import type { Reply } from '../reply.js'
import type { Client } from './client.js'
import type { Bounds, Connection } from './connection.js'
import { WaitLines } from './wait-lines.js'

export class RedisConnection implements Connection {
  readonly #client: Client
  readonly #lines: WaitLines

  constructor(client: Client, connectionsPerLine: number) {
    this.#client = client
    this.#lines = new WaitLines(client, connectionsPerLine)
  }

  async call<Answer>(command: Command<Answer>, bounds: Bounds): Promise<Answer> {
    return command.read(await this.#send(command, bounds))
  }

  #send<Answer>(command: Command<Answer>, bounds: Bounds): Promise<Reply> {
    const { words, waiting, everyPrimary } = command
    if (waiting) return this.#lines.send(command, waiting, bounds)
    if (everyPrimary && this.#client.sendToPrimaries) return this.#client.sendToPrimaries(words, bounds)
    return this.#client.send(words, bounds)
  }

  close(): void {
    this.#lines.close()
    this.#client.close()
  }
}
