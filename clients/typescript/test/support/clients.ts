/** The clients that a limiter can be given, each connected to a server. */

import { Redis } from 'ioredis'
import { createClient } from 'redis'

import { Limiter, type LimiterOptions } from '../../src/index.js'

/** A limiter through one kind of client. */
export interface Way {
  readonly name: string
  /** `connected` is false if the client must not wait until it is connected. */
  open(url: string, options?: LimiterOptions, connected?: boolean): Promise<{ limiter: Limiter; close(): Promise<void> }>
}

/** By URL, and with both client libraries. */
export const WAYS: readonly Way[] = [
  {
    name: 'a URL',
    async open(url, options) {
      const limiter = new Limiter(url, options)
      return { limiter, close: () => limiter.close() }
    }
  },
  {
    name: 'node-redis',
    async open(url, options, connected = true) {
      const client = createClient({ url })
      client.on('error', () => {})
      const connecting = client.connect()
      if (connected) await connecting
      else connecting.catch(() => {})
      const limiter = new Limiter(client, options)
      const close = async () => (await limiter.close(), client.destroy())
      return { limiter, close }
    }
  },
  {
    name: 'ioredis',
    async open(url, options, connected = true) {
      // As a caller may have it: no command of theirs may take long.
      const client = new Redis(url, { commandTimeout: 3_000, lazyConnect: connected })
      client.on('error', () => {})
      if (connected) await client.connect()
      const limiter = new Limiter(client, options)
      const close = async () => (await limiter.close(), client.disconnect())
      return { limiter, close }
    }
  }
]

/** Runs `body` with a limiter of each kind of client. */
export async function opened<Result>(way: Way, url: string, options: LimiterOptions, body: (limiter: Limiter) => Promise<Result>, connected = true): Promise<Result> {
  const { limiter, close } = await way.open(url, options, connected)
  try {
    return await body(limiter)
  } finally {
    await close()
  }
}
