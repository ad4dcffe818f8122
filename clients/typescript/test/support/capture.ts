/** Limiters that show what they send and get the answers of a case, without a server. */

import { Limiter } from '../../src/index.js'
import { encode, ReplyError, RespReader } from '../../src/connections/resp.js'
import type { Reply } from '../../src/reply.js'
import type { Case } from './conformance.js'

/** A limiter over a client that notes words, and answers `reply`. */
export function capturing(reply: unknown = null): { limiter: Limiter; words: string[][] } {
  const words: string[][] = []
  const client = {
    status: 'ready',
    async call(...command: (string | Uint8Array)[]) {
      // The words come back from the bytes that are sent.
      words.push(new RespReader().push(encode(command))[0] as string[])
      if (reply instanceof Error) throw reply
      return reply
    },
    duplicate: () => client,
    connect: async () => {},
    disconnect() {},
    on() {},
    off() {}
  }
  return { limiter: new Limiter(client), words }
}

/** A limiter of rl-coordinator that notes requests, and answers `answer`. */
export function capturingHttp(answer: { status: number; body: unknown } = { status: 200, body: {} }): { limiter: Limiter; requests: Case[] } {
  const requests: Case[] = []
  const fetch = async (url: unknown, init: RequestInit = {}) => {
    const body = typeof init.body === 'string' ? JSON.parse(init.body) : null
    requests.push({ method: init.method, path: new URL(String(url)).pathname, body })
    return Response.json(answer.body, { status: answer.status })
  }
  return { limiter: new Limiter('http://localhost', { fetch: fetch as typeof globalThis.fetch }), requests }
}

/** Writes a reply of a case in RESP and reads it again, as from a socket. */
export function throughResp(reply: unknown): Reply {
  const [read] = new RespReader().push(Buffer.from(write(reply)))
  if (read instanceof ReplyError || read === undefined) throw new Error('the case holds no reply')
  return read
}

function write(reply: any): string {
  if (reply === null) return '$-1\r\n'
  if (typeof reply === 'number') return `:${reply}\r\n`
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`
  if (Array.isArray(reply)) return `*${reply.length}\r\n${reply.map(write).join('')}`
  return `%${reply.map.length}\r\n${reply.map.flat().map(write).join('')}`
}
