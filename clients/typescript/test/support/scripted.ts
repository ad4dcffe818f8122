/** A real HTTP server that answers what a test says, for answers that the lab's provider never gives. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Serves `answer` while `body` runs. */
export async function serving<Result>(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  body: (url: string) => Promise<Result>
): Promise<Result> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(request, response))
  })
  server.listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  try {
    return await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
