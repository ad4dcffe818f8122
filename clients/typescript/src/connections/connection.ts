/** What the limiter needs from a connection, whatever is behind it. */

import type { Command } from '../commands/command.js'

/** The bounds of one call. */
export interface Bounds {
  /** The longest time until the answer, in ms, beyond the time that the request may wait. */
  readonly timeoutMs: number
  /** Ends the call early. */
  readonly signal?: AbortSignal | null | undefined
}

/** A way to a server or to rl-coordinator. */
export interface Connection {
  /**
   * Sends a command and reads its answer.
   *
   * Rejects with `Unavailable` if no decision came, with the error of the server's reply, or with the reason of the signal.
   */
  call<Answer>(command: Command<Answer>, bounds: Bounds): Promise<Answer>
  /** Closes the connections that the package has opened. */
  close(): void
}
