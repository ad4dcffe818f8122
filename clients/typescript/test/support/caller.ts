/** A process that calls the lab's provider without end, until a test kills it. */

import { Limiter, limitFetch } from '../../src/index.js'

const { REDIS_URL = '', LAB_URL = '', KEY = '' } = process.env
const limited = limitFetch(new Limiter(REDIS_URL, { policy: 'model' }), { key: KEY, ttl: '1s' })
const body = JSON.stringify({ model: 'claude', max_tokens: 500, stream: true, messages: [{ role: 'user', content: 'hello' }] })

async function calls(): Promise<never> {
  for (;;) await (await limited(`${LAB_URL}/v1/messages`, { method: 'POST', body })).text()
}
void Promise.all(Array.from({ length: 10 }, calls))
