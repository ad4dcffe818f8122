/** The package's own connection, for a limiter that is given a URL. Connects when it is first used, and anew after it is lost. */

import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'

import type { Word } from '../commands/command.js'
import { errorOfReply, Unavailable } from '../errors.js'
import type { Reply } from '../reply.js'
import type { Client, Dedicated } from './client.js'
import type { Bounds } from './connection.js'
import { encode, ReplyError, RespReader } from './resp.js'
import { greeting, type Address } from './url.js'

/** A request whose reply has not come. */
interface Pending {
  resolve(reply: Reply): void
  reject(error: unknown): void
}

/** One connection. Replies come in the order of the requests. */
class Line implements Dedicated {
  readonly #socket: Socket
  readonly #pending: Pending[] = []
  #at = 0
  #lost: Unavailable | undefined

  constructor(address: Address, secure: ConnectionOptions = {}) {
    const { host, port, path, tls } = address
    const to = path === undefined ? { host, port } : { path }
    // An address has no name that a certificate could be for by SNI.
    const servername = path === undefined && !isIP(host) ? { servername: host } : {}
    this.#socket = tls ? connectTls({ ...to, ...servername, ...secure }) : connectTcp(to)
    this.#socket.setNoDelay(true)
    this.#socket.on('data', this.#reader())
    this.#socket.on('error', (error) => this.#lose(new Unavailable('down', `the connection failed: ${error.message}`, { cause: error })))
    this.#socket.on('close', () => this.#lose(new Unavailable('down', 'the server has closed the connection')))
    for (const words of greeting(address)) {
      this.#write(words).catch((error) => this.#lose(error instanceof Unavailable ? error : new Unavailable('down', String(error.message))))
    }
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  send(words: readonly Word[], { timeoutMs, signal }: Bounds): Promise<Reply> {
    if (this.#lost) return Promise.reject(this.#lost)
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      // A reply that does not come holds up all later ones, so the connection is given up.
      const timer = setTimeout(() => this.#lose(new Unavailable('down', `no answer within ${timeoutMs} ms`)), timeoutMs)
      const abort = () => reject(signal?.reason)
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
      }
      signal?.addEventListener('abort', abort)
      this.#push(words, {
        resolve: (reply) => (done(), resolve(reply)),
        reject: (error) => (done(), reject(error))
      })
    })
  }

  close(): void {
    this.#lose(new Unavailable('down', 'the limiter was closed'))
  }

  #write(words: readonly Word[]): Promise<Reply> {
    return new Promise((resolve, reject) => this.#push(words, { resolve, reject }))
  }

  #push(words: readonly Word[], pending: Pending): void {
    this.#pending.push(pending)
    this.#socket.ref()
    this.#socket.write(encode(words))
  }

  #reader(): (chunk: Buffer) => void {
    const reader = new RespReader()
    return (chunk) => {
      try {
        for (const reply of reader.push(chunk)) {
          const pending = this.#pending[this.#at++]
          if (reply instanceof ReplyError) pending?.reject(errorOfReply(reply.text))
          else pending?.resolve(reply)
        }
      } catch (error) {
        this.#lose(new Unavailable('strange', 'the server does not speak RESP', { cause: error }))
      }
      this.#forget()
    }
  }

  /** Forgets answered requests. A connection without requests does not keep the process alive. */
  #forget(): void {
    if (this.#at < this.#pending.length) return
    this.#pending.length = 0
    this.#at = 0
    this.#socket.unref()
  }

  #lose(error: Unavailable): void {
    if (this.#lost) return
    this.#lost = error
    this.#socket.destroy()
    for (const pending of this.#pending.splice(0).slice(this.#at)) pending.reject(error)
  }
}

/** A client by URL. */
export class SocketClient implements Client {
  readonly #address: Address
  readonly #secure: ConnectionOptions | undefined
  #shared: Line | undefined

  constructor(address: Address, secure?: ConnectionOptions) {
    this.#address = address
    this.#secure = secure
  }

  send(words: readonly Word[], bounds: Bounds): Promise<Reply> {
    if (!this.#shared || this.#shared.isLost) this.#shared = new Line(this.#address, this.#secure)
    return this.#shared.send(words, bounds)
  }

  dedicated(): Dedicated {
    return new Line(this.#address, this.#secure)
  }

  close(): void {
    this.#shared?.close()
    this.#shared = undefined
  }
}
