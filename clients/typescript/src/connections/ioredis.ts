/** A client or a cluster of ioredis. */

import type { Word } from '../commands/command.js'
import { Unavailable } from '../errors.js'
import type { Reply } from '../reply.js'
import { bounded, type Client, type Dedicated } from './client.js'
import type { Bounds } from './connection.js'
import { errorOfClient } from './replies.js'

/** What is used of a client of ioredis. */
export interface IoRedis {
  call(command: string, ...args: any[]): Promise<unknown>
  duplicate(...overrides: any[]): any
  connect(): Promise<unknown>
  disconnect(): void
  on(event: string, listener: (...args: any[]) => void): unknown
  off(event: string, listener: (...args: any[]) => void): unknown
  readonly status: string
}

/** Options of connections on which requests wait. No timeout of the client may end a wait, and nothing is sent again. */
const FOR_WAITING = {
  lazyConnect: true,
  retryStrategy: null,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: undefined,
  socketTimeout: undefined,
  blockingTimeout: undefined
}

export class IoRedisClient implements Client {
  readonly #client: IoRedis

  constructor(client: IoRedis) {
    this.#client = client
  }

  send(words: readonly Word[], bounds: Bounds): Promise<Reply> {
    const client = this.#client
    // While it connects, the client would queue the command, and send it even after the time is over.
    if (client.status === 'ready') return bounded(send(client, words), bounds)
    const isWanted = { value: true }
    const sent = ready(client).then(() => (isWanted.value ? send(client, words) : null))
    return bounded(sent, bounds, () => (isWanted.value = false))
  }

  async sendToPrimaries(words: readonly Word[], bounds: Bounds): Promise<Reply> {
    const cluster = this.#client
    if (!isCluster(cluster)) return this.send(words, bounds)
    if (cluster.status !== 'ready') await bounded(ready(cluster), bounds)
    const primaries = cluster.nodes('master').map((primary) => new IoRedisClient(primary))
    if (primaries.length === 0) throw new Unavailable('down', 'the client knows no primary of the cluster')
    return (await Promise.all(primaries.map((primary) => primary.send(words, bounds))))[0]!
  }

  dedicated(): Dedicated {
    const client: IoRedis = isCluster(this.#client)
      ? this.#client.duplicate([], { lazyConnect: true, clusterRetryStrategy: null, redisOptions: FOR_WAITING })
      : this.#client.duplicate(FOR_WAITING)
    client.on('error', () => {}) // a lost connection rejects the command, too
    const connected = client.connect().catch((error) => {
      throw errorOfClient(error)
    })
    connected.catch(() => {})
    return {
      send: (words, bounds) => bounded(connected.then(() => send(client, words)), bounds),
      close: () => client.disconnect()
    }
  }

  close(): void {} // the client is the caller's
}

function isCluster(client: IoRedis): client is IoRedis & { nodes(role: 'master'): IoRedis[] } {
  return 'nodes' in client
}

async function send(client: IoRedis, words: readonly Word[]): Promise<Reply> {
  const [command, ...args] = words.map((word) => (typeof word === 'string' ? word : Buffer.from(word)))
  try {
    return (await client.call(String(command), ...args)) as Reply
  } catch (error) {
    throw errorOfClient(error)
  }
}

/** Resolves when the client is connected. A client that has ended is never. */
function ready(client: IoRedis): Promise<void> {
  return new Promise((resolve, reject) => {
    const is = () => (leave(), resolve())
    const ended = () => (leave(), reject(new Unavailable('down', 'the ioredis client has ended')))
    const leave = () => {
      client.off('ready', is)
      client.off('end', ended)
    }
    if (client.status === 'end') return ended()
    client.on('ready', is)
    client.on('end', ended)
    if (client.status === 'wait') client.connect().catch((error) => reject(errorOfClient(error)))
  })
}
