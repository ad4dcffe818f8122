/** The address of a server, from a URL. */

/** How to reach a server, and as whom. */
export interface Address {
  readonly host: string
  readonly port: number
  /** The path of a Unix socket, instead of host and port. */
  readonly path?: string
  readonly tls: boolean
  readonly username?: string
  readonly password?: string
  readonly database: number
  readonly protocol: 2 | 3
}

/**
 * Reads `redis://user:password@host:6379/0`, `rediss://…` (TLS) or `redis+unix:///run/redis.sock`.
 * `?protocol=3` selects RESP3.
 *
 * @throws TypeError if it is no such URL. The error does not repeat the URL, which may hold a password.
 */
export function address(text: string): Address {
  if (!URL.canParse(text)) throw new TypeError('the limiter needs a URL such as redis://localhost:6379 or http://localhost:8765')
  const url = new URL(text)
  const isUnix = url.protocol === 'redis+unix:' || url.protocol === 'unix:'
  if (!isUnix && url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw new TypeError('the URL must begin with redis://, rediss://, redis+unix://, http:// or https://')
  }
  const database = Number(isUnix ? (url.searchParams.get('db') ?? 0) : url.pathname.slice(1))
  if (!Number.isInteger(database)) throw new TypeError('the path of the URL must be the number of a database, such as /0')
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || 'localhost',
    port: Number(url.port || 6379),
    ...(isUnix && { path: decodeURIComponent(url.pathname) }),
    tls: url.protocol === 'rediss:',
    ...(url.username && { username: decodeURIComponent(url.username) }),
    ...(url.password && { password: decodeURIComponent(url.password) }),
    database,
    protocol: url.searchParams.get('protocol') === '3' ? 3 : 2
  }
}

/** The commands that a new connection sends first. */
export function greeting({ username, password, database, protocol }: Address): string[][] {
  const as = password === undefined ? [] : ['AUTH', username ?? 'default', password]
  const hello = protocol === 3 ? [['HELLO', '3', ...as]] : as.length > 0 ? [as] : []
  return database === 0 ? hello : [...hello, ['SELECT', String(database)]]
}
