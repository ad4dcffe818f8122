/** A client or a cluster of node-redis (the package `redis`). */

import type { Word } from '../commands/command.js'
import { Unavailable } from '../errors.js'
import type { Reply } from '../reply.js'
import { bounded, firstKey, type Client, type Dedicated } from './client.js'
import type { Bounds } from './connection.js'
import { errorOfClient } from './replies.js'

/** What is used of a client of node-redis. The types of its clients, clusters and sentinels differ in more than this. */
export interface NodeRedis {
  sendCommand(...args: any[]): Promise<unknown>
  duplicate(overrides?: any): any
  connect(): Promise<unknown>
  destroy(): unknown
  on(event: string, listener: (...args: any[]) => void): unknown
  readonly isOpen: boolean
}

/** What is used of a cluster of node-redis besides. */
interface Cluster {
  readonly masters: readonly unknown[]
  nodeClient(node: unknown): Promise<NodeRedis> | NodeRedis
}

/** Options of connections on which requests wait. No timeout of the client may end a wait. */
const FOR_WAITING = { socket: { reconnectStrategy: false, socketTimeout: undefined }, commandOptions: { timeout: undefined } }

export class NodeRedisClient implements Client {
  readonly #client: NodeRedis

  constructor(client: NodeRedis) {
    this.#client = client
  }

  send(words: readonly Word[], bounds: Bounds): Promise<Reply> {
    // The controller removes the command from the client's queue if it is not sent yet.
    const giveUp = new AbortController()
    return bounded(send(this.#client, words, giveUp.signal), bounds, () => giveUp.abort())
  }

  async sendToPrimaries(words: readonly Word[], bounds: Bounds): Promise<Reply> {
    const cluster = this.#client
    if (!isCluster(cluster)) return this.send(words, bounds)
    const { masters, nodeClient } = cluster as unknown as Cluster
    if (masters.length === 0) throw new Unavailable('down', 'the client knows no primary of the cluster')
    const clients = masters.map(async (primary) => new NodeRedisClient(await nodeClient.call(cluster, primary)))
    const replies = clients.map(async (client) => (await bounded(client, bounds)).send(words, bounds))
    return (await Promise.all(replies))[0]!
  }

  dedicated(): Dedicated {
    const client: NodeRedis = this.#client.duplicate(isCluster(this.#client) ? { minimizeConnections: true } : overrides(this.#client))
    client.on('error', () => {}) // a lost connection rejects the command, too
    const connected = client.connect()
    connected.catch(() => {})
    return {
      send: (words, bounds) => bounded(connected.then(() => send(client, words)), bounds),
      close: () => {
        if (client.isOpen) void client.destroy()
      }
    }
  }

  close(): void {} // the client is the caller's
}

async function send(client: NodeRedis, words: readonly Word[], abortSignal?: AbortSignal): Promise<Reply> {
  const args = words.map((word) => (typeof word === 'string' ? word : Buffer.from(word)))
  const options = { ...(abortSignal && { abortSignal }), timeout: undefined }
  try {
    if (isCluster(client)) return (await client.sendCommand(firstKey(args), false, args, options)) as Reply
    if (isSentinel(client)) return (await client.sendCommand(false, args, options)) as Reply
    return (await client.sendCommand(args, options)) as Reply
  } catch (error) {
    throw errorOfClient(error)
  }
}

function isCluster(client: NodeRedis): boolean {
  return 'nodeClient' in client
}

function isSentinel(client: NodeRedis): boolean {
  return 'getSentinelNode' in client
}

/** Keeps the socket options of the client, and replaces those that would end a wait. */
function overrides(client: NodeRedis): unknown {
  if (isSentinel(client)) return {}
  const { socket = {} } = ('options' in client ? client.options : {}) as { socket?: object }
  return { ...FOR_WAITING, socket: { ...socket, ...FOR_WAITING.socket } }
}
