/** rl-coordinator, over HTTP. */

import type { Command, HttpRequest } from '../commands/command.js'
import { errorOfProblem, RlError, Unavailable, Unsupported } from '../errors.js'
import { bounded } from './client.js'
import type { Bounds, Connection } from './connection.js'

/** How to reach rl-coordinator. */
export interface HttpOptions {
  /** Its token, sent as `Authorization: Bearer …`. */
  token?: string | undefined
  /** Sends the requests. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined
}

/** The codes of a 404 that say that a key, a policy or an override is absent. */
const ABSENT = new Set(['no_such_key', 'no_such_policy', 'no_such_override'])

export class HttpConnection implements Connection {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #fetch: typeof fetch

  constructor(url: string, options: HttpOptions) {
    const { username, password, origin, pathname } = new URL(url)
    const token = options.token ?? decodeURIComponent(password || username)
    this.#url = origin + pathname.replace(/\/$/, '')
    this.#headers = token === '' ? {} : { authorization: `Bearer ${token}` }
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init))
  }

  async call<Answer>(command: Command<Answer>, { timeoutMs, signal }: Bounds): Promise<Answer> {
    const request = command.http()
    if (!request || !command.readHttp) throw new Unsupported(`rl-coordinator does not offer this call of ${String(command.words[0])}`)
    const giveUp = new AbortController()
    const sent = this.#send(request, giveUp.signal)
    const bounds = { timeoutMs: timeoutMs + (command.waiting?.ms ?? 0), signal }
    const { status, body } = await bounded(sent, bounds, () => giveUp.abort())
    if (status === 404 && ABSENT.has(body?.code)) return command.readHttp(null)
    if (status !== 200 && !(status === 429 && body?.allowed === false)) throw problem(status, body)
    return command.readHttp(body)
  }

  close(): void {}

  async #send({ method, path, body }: HttpRequest, signal: AbortSignal): Promise<{ status: number; body: any }> {
    const content = body && JSON.stringify(body, textOnly)
    const headers = { ...this.#headers, ...(content && { 'content-type': 'application/json' }) }
    try {
      const response = await this.#fetch(this.#url + path, { method, headers, signal, ...(content && { body: content }) })
      return { status: response.status, body: await response.json().catch(() => null) }
    } catch (error) {
      if (error instanceof RlError) throw error
      const cause = (error as Error).cause ?? error
      throw new Unavailable('down', `rl-coordinator cannot be reached: ${(cause as Error).message}`, { cause: error })
    }
  }
}

/** Returns the error for an answer that is no decision. */
export function problem(status: number, body: any): RlError {
  return errorOfProblem(status, String(body?.code), String(body?.detail ?? `rl-coordinator answers ${status}`))
}

/** JSON has no bytes, so a key of bytes needs a server. */
function textOnly(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) throw new Unsupported('rl-coordinator takes keys as text, not as bytes')
  return value
}
