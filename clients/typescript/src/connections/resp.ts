/** Reads the replies of RESP2 and RESP3 from the bytes of a socket. */

import type { Reply } from '../reply.js'

/** An error reply. */
export class ReplyError {
  constructor(readonly text: string) {}
}

/** A reply that has arrived as a whole: a value, or an error. */
export type Arrived = Reply | ReplyError

/** Thrown when the bytes of a reply have not all arrived. */
const INCOMPLETE = Symbol('incomplete')

const LF = 10

/** Collects bytes and yields whole replies. */
export class RespReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0

  /** Adds bytes, and returns the replies that are complete now. */
  push(chunk: Buffer): Arrived[] {
    this.#bytes = this.#at < this.#bytes.length ? Buffer.concat([this.#bytes.subarray(this.#at), chunk]) : chunk
    this.#at = 0
    const replies: Arrived[] = []
    while (this.#at < this.#bytes.length) {
      const begin = this.#at
      try {
        replies.push(this.#reply())
      } catch (error) {
        if (error !== INCOMPLETE) throw error
        this.#at = begin
        break
      }
    }
    return replies
  }

  #reply(): Arrived {
    const line = this.#line()
    const rest = line.slice(1)
    switch (line[0]) {
      case ':':
      case ',':
        return Number(rest)
      case '+':
      case '(':
        return rest
      case '-':
        return new ReplyError(rest)
      case '$':
      case '=':
        return this.#blob(Number(rest))
      case '!':
        return new ReplyError(String(this.#blob(Number(rest))))
      case '*':
      case '~':
        return rest === '-1' ? null : Array.from({ length: Number(rest) }, () => this.#value())
      case '%':
        return new Map(Array.from({ length: Number(rest) }, () => [this.#value(), this.#value()]))
      case '_':
        return null
      case '#':
        return rest === 't'
      default:
        throw new TypeError('the server does not speak RESP')
    }
  }

  /** A reply inside another one: an error in it is its text. */
  #value(): Reply {
    const reply = this.#reply()
    return reply instanceof ReplyError ? reply.text : reply
  }

  #line(): string {
    const end = this.#bytes.indexOf(LF, this.#at)
    if (end < 0) throw INCOMPLETE
    const line = this.#bytes.toString('utf8', this.#at, end - 1)
    this.#at = end + 1
    return line
  }

  #blob(length: number): string | null {
    if (length < 0) return null
    const end = this.#at + length
    if (end + 2 > this.#bytes.length) throw INCOMPLETE
    const blob = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 2
    return blob
  }
}

/** Writes a command. */
export function encode(words: readonly (string | Uint8Array)[]): Buffer {
  if (words.every((word) => typeof word === 'string')) {
    return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`)
  }
  const parts = words.map((word) => {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word
    return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
  })
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts])
}
