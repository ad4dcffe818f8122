// One process of scripts/lab.mjs: the five lines of the README, and calls at random times.

import Anthropic from '@anthropic-ai/sdk'

import { Limiter, limitFetch } from '../dist/esm/index.js'

const { REDIS_URL, LAB_URL, LAB_SECONDS, LAB_RATE, LAB_PROCESS } = process.env
const limiter = new Limiter(REDIS_URL, { policy: 'claude-sonnet' })
const claude = new Anthropic({ apiKey: 'none', baseURL: LAB_URL, fetch: limitFetch(limiter), maxRetries: 0 })

const ask = (job) => {
  const content = `job ${LAB_PROCESS}-${job}: ${'x'.repeat(1_600)}`
  return claude.messages.create({ model: 'claude-sonnet', max_tokens: 1_024, messages: [{ role: 'user', content }] }).catch(() => {})
}

await ask('warm') // the first call of an SDK costs a process some processor time
console.log('ready')
await new Promise((go) => process.stdin.once('data', go))
process.stdin.unref()
const end = performance.now() + Number(LAB_SECONDS) * 1_000
for (let job = 0; performance.now() < end; job += 1) {
  void ask(job)
  await new Promise((next) => setTimeout(next, (-Math.log(Math.random()) / Number(LAB_RATE)) * 1_000))
}
process.exit()
