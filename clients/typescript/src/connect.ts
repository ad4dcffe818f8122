/** Chooses the connection for what a limiter is given. */

import type { ConnectionOptions } from 'node:tls'

import type { Connection } from './connections/connection.js'
import { HttpConnection, type HttpOptions } from './connections/http.js'
import { IoRedisClient, type IoRedis } from './connections/ioredis.js'
import { NodeRedisClient, type NodeRedis } from './connections/node-redis.js'
import { RedisConnection } from './connections/redis.js'
import { address } from './connections/url.js'

/** What a limiter can ask: a URL, or a client or cluster of node-redis or ioredis. */
export type Server = string | URL | NodeRedis | IoRedis

/** How to connect. */
export interface ConnectOptions extends HttpOptions {
  /** How to encrypt a connection of `rediss://`, such as `{ ca }`. */
  tls?: ConnectionOptions | undefined
  /** The most connections on which requests of one key and lane wait. More requests queue in this process. Default: 8. */
  connectionsPerLine?: number | undefined
}

/** Returns a connection. That of a URL of Redis comes later, so that the rest runs where there are no sockets. */
export function connect(server: Server, options: ConnectOptions): Connection | Promise<Connection> {
  const perLine = options.connectionsPerLine ?? 8
  if (typeof server === 'string' || server instanceof URL) {
    const url = String(server)
    if (/^https?:/.test(url)) return new HttpConnection(url, options)
    const to = address(url)
    return import('./connections/socket.js').then(({ SocketClient }) => new RedisConnection(new SocketClient(to, options.tls), perLine))
  }
  if ('call' in server && typeof server.call === 'function') return new RedisConnection(new IoRedisClient(server), perLine)
  if ('sendCommand' in server && 'duplicate' in server) return new RedisConnection(new NodeRedisClient(server), perLine)
  throw new TypeError('the limiter needs a URL, or a client or cluster of node-redis or ioredis')
}
