/** The errors of this package: one class a kind. `message` is the server's own text where there is one. */

/** What all errors of this package have in common. */
export class RlError extends Error {
  override name = 'RlError'
}

/** Too many requests wait already: `RLBUSY`. */
export class Busy extends RlError {
  override name = 'Busy'
}

/** The key holds a limit of another algorithm, or something else. */
export class WrongType extends RlError {
  override name = 'WrongType'
}

/** The server has no policy of this name. */
export class NoPolicy extends RlError {
  override name = 'NoPolicy'
}

/** The request is wrong. The message says what is expected. */
export class Invalid extends RlError {
  override name = 'Invalid'
}

/** rl-coordinator does not offer this call. Nothing was sent. */
export class Unsupported extends RlError {
  override name = 'Unsupported'
}

/** Why nothing could be decided. */
export type Cause =
  | 'down' // no connection, no answer in time, or a server that is loading or fails over
  | 'noauth' // it wants another user or password
  | 'noperm' // the user may not run the command, or not on this key
  | 'no_module' // the server lacks the module
  | 'readonly' // the server is a replica
  | 'oom' // the server is out of memory
  | 'slot_moves' // the key is on another node of a cluster, or moves there
  | 'too_many_keys' // rl-coordinator has no room for another key
  | 'too_many_token_keys' // likewise for another key of the token
  | 'strange' // a reply that this package does not know

/** The server could not be asked, or could not decide. `fail` chooses the answer of decisions then. */
export class Unavailable extends RlError {
  override name = 'Unavailable'

  constructor(
    /** Why. */
    readonly reason: Cause,
    message: string,
    options?: ErrorOptions
  ) {
    super(message, options)
  }
}

const BY_CODE: Record<string, Cause> = {
  NOAUTH: 'noauth',
  WRONGPASS: 'noauth',
  NOPERM: 'noperm',
  READONLY: 'readonly',
  MISCONF: 'down',
  NOREPLICAS: 'down',
  OOM: 'oom',
  LOADING: 'down',
  MASTERDOWN: 'down',
  CLUSTERDOWN: 'down',
  UNBLOCKED: 'down',
  BUSY: 'down',
  MOVED: 'slot_moves',
  ASK: 'slot_moves',
  TRYAGAIN: 'slot_moves'
}

/** Returns the error for an error reply of a server. */
export function errorOfReply(text: string): RlError {
  const code = text.slice(0, text.search(/ |$/))
  if (code === 'WRONGTYPE') return new WrongType(text)
  if (code === 'RLBUSY') return new Busy(text)
  if (text.startsWith('ERR no such policy')) return new NoPolicy(text)
  if (text.startsWith('ERR unknown command')) return new Unavailable('no_module', text)
  if (text.startsWith('ERR AUTH') || text.startsWith('ERR invalid password')) return new Unavailable('noauth', text)
  if (text.startsWith('ERR max number of clients')) return new Unavailable('down', text)
  const cause = BY_CODE[code]
  return cause ? new Unavailable(cause, text) : new Invalid(text)
}

const BY_HTTP_CODE: Record<string, Cause> = {
  unauthorized: 'noauth',
  forbidden: 'noperm',
  back_end_down: 'down',
  back_end_without_module: 'no_module',
  back_end_read_only: 'readonly',
  out_of_memory: 'oom',
  slot_moves: 'slot_moves',
  too_many_keys: 'too_many_keys',
  too_many_token_keys: 'too_many_token_keys',
  back_end_strange: 'strange'
}

/** Returns the error for a problem that rl-coordinator answers. */
export function errorOfProblem(status: number, code: string, detail: string): RlError {
  if (code === 'too_many_waiters') return new Busy(detail)
  if (code === 'wrong_algorithm') return new WrongType(detail)
  if (code === 'no_such_policy') return new NoPolicy(detail)
  if (code === 'back_end_refuses') return new Unavailable(detail.includes('password') ? 'noauth' : 'noperm', detail)
  const cause = BY_HTTP_CODE[code]
  if (cause) return new Unavailable(cause, detail)
  return status >= 400 && status < 500 ? new Invalid(detail) : new Unavailable('down', detail)
}
