/** The examples that need no provider run as they are. The types of all of them are checked. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, it } from 'node:test'
import { promisify } from 'node:util'

import { startServer, type Program } from './support/servers.js'

let server: Program
before(async () => (server = await startServer()))
after(() => server.stop())

const SAYS: Record<string, RegExp[]> = {
  'limits': [/admitted, 2 left/, /denied, ask again in \d+ ms/, /remaining after a refund: 1/, /info: slide 2/],
  'quota': [/denied by tpm: 4000 are left/, /^true \[\s+'org/m],
  'waiting': [/the user\nthe batch job\nTimeoutError/],
  'reservation': [/the answer { tpm: 932, calls: 0 }/, /denied by tpm, retry after \d+ ms/, /^false$/m],
  'feedback': [/^20000$/m, /used elsewhere: 379/, /{ rpm: 49 }/],
  'failure': [/^true down$/m, /^false 1000$/m, /degradedOpen: 1/],
  'own-client': [/remaining: 4/, /remaining: 3/]
}

for (const [name, patterns] of Object.entries(SAYS)) {
  it(name, async () => {
    const env = { ...process.env, REDIS_URL: server.url }
    const { stdout } = await promisify(execFile)('node', [`build/examples/${name}.js`], { env })
    for (const pattern of patterns) assert.match(stdout, pattern)
  })
}
