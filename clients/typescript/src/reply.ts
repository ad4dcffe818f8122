/** Reads replies of a server, in the shapes that RESP2, RESP3 and the client libraries give them. */

import { Unavailable } from './errors.js'

/** A reply, as any of the clients returns it. Maps come flat, as a `Map` or as an object. */
export type Reply = string | number | bigint | boolean | null | Uint8Array | Reply[] | Map<Reply, Reply> | { [field: string]: Reply }

function strange(): Unavailable {
  return new Unavailable('strange', 'the server gave a reply that this package does not know')
}

/** Reads an integer. */
export function integer(reply: Reply | undefined): number {
  const value = typeof reply === 'number' ? reply : typeof reply === 'string' || typeof reply === 'bigint' ? Number(reply) : NaN
  if (!Number.isSafeInteger(value)) throw strange()
  return value
}

/** Reads a text. */
export function text(reply: Reply | undefined): string {
  if (typeof reply === 'string') return reply
  if (reply instanceof Uint8Array) return new TextDecoder().decode(reply)
  throw strange()
}

/** Reads a list. */
export function list(reply: Reply | undefined): Reply[] {
  if (!Array.isArray(reply)) throw strange()
  return reply
}

/** Reads a map. */
export function map(reply: Reply | undefined): Map<string, Reply> {
  const found = new Map<string, Reply>()
  if (Array.isArray(reply)) {
    if (reply.length % 2 !== 0) throw strange()
    for (let at = 0; at < reply.length; at += 2) found.set(text(reply[at]), reply[at + 1] ?? null)
  } else if (reply instanceof Map) {
    for (const [field, value] of reply) found.set(text(field), value)
  } else if (typeof reply === 'object' && reply !== null && !(reply instanceof Uint8Array)) {
    for (const [field, value] of Object.entries(reply)) found.set(field, value)
  } else {
    throw strange()
  }
  return found
}

/** Reads a map with the same kind of value everywhere. */
export function record<Value>(reply: Reply | undefined, read: (value: Reply) => Value): Record<string, Value> {
  return Object.fromEntries([...map(reply)].map(([field, value]) => [field, read(value)]))
}

/** Reads the ms until a request is admitted; -1 means never. */
export function after(reply: Reply | undefined): number {
  const ms = integer(reply)
  return ms < 0 ? Infinity : ms
}
