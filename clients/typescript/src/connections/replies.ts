/** Tells the error replies of a server from the failures of a client library. */

import { errorOfReply, RlError, Unavailable } from '../errors.js'

/** Error replies begin with a word in capitals. Messages of client libraries do not. */
const ERROR_REPLY = /^[A-Z][A-Z0-9_]+ /

/** Returns the error for what a client library has thrown. */
export function errorOfClient(error: unknown): RlError {
  if (error instanceof RlError) return error
  const message = error instanceof Error ? error.message : String(error)
  return ERROR_REPLY.test(message) ? errorOfReply(message) : new Unavailable('down', message, { cause: error })
}
