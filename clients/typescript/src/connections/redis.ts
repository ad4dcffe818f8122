/** A server with the module, through any client. */

import type { Command } from '../commands/command.js'
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
    const { words, waiting } = command
    const reply = waiting ? this.#lines.send(command, waiting, bounds) : this.#client.send(words, bounds)
    return command.read(await reply)
  }

  close(): void {
    this.#lines.close()
    this.#client.close()
  }
}
