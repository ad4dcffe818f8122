/** Middleware for the Vercel AI SDK, at the lab's provider. */

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, it } from 'node:test'

import { createAnthropic } from '@ai-sdk/anthropic'
import { generateText, streamText, wrapLanguageModel } from 'ai'

import { Denied, Limiter } from '../src/index.js'
import { limitModel } from '../src/middleware/ai.js'
import type { GateOptions } from '../src/llm/gate.js'
import { labLog, startLab, type LabOptions } from './support/lab.js'
import { startServer, type Program } from './support/servers.js'

let server: Program
let lab: Program
let limiter: Limiter
let key = ''
let keys = 0
before(async () => (server = await startServer()))
after(() => server.stop())
beforeEach(async () => {
  key = `ai:${(keys += 1)}`
  limiter = new Limiter(server.url, { policy: 'model' })
  await limiter.setPolicy('model', [
    { name: 'rpm', limit: 1_000, window: '60s' },
    { name: 'input', limit: 100_000, window: '60s', unit: 'input' },
    { name: 'output', limit: 100_000, window: '60s', unit: 'output' },
    { name: 'calls', inflight: 10 }
  ])
})
afterEach(async () => {
  await limiter.close()
  await lab.stop()
})

const WIDE: LabOptions['models'] = { claude: { requests: ['bucket', 60_000], input: ['bucket', 6e8], output: ['bucket', 6e8] } }

async function model(models = WIDE, options: GateOptions = {}, lab_options: Partial<LabOptions> = {}) {
  lab = await startLab({ models, ...lab_options })
  const provider = createAnthropic({ apiKey: 'none', baseURL: `${lab.url}/v1` })
  return wrapLanguageModel({ model: provider('claude'), middleware: limitModel(limiter, { key, ...options }) })
}

async function used(): Promise<unknown> {
  await limiter.close()
  await using other = new Limiter(server.url)
  return (await other.info(key))?.used
}

it('settles at what a text used', async () => {
  const { usage, text } = await generateText({ model: await model(), prompt: 'some words', maxOutputTokens: 500, maxRetries: 0 })
  assert.equal(text, 'word word word ')
  assert.deepEqual(await used(), { rpm: 1, input: usage.inputTokens, output: usage.outputTokens, calls: 0 })
})

it('settles at what a stream used', async () => {
  const { textStream, usage } = streamText({ model: await model(), prompt: 'some words', maxOutputTokens: 500, maxRetries: 0 })
  let text = ''
  for await (const part of textStream) text += part
  assert.equal(text, 'word word word ')
  const { inputTokens, outputTokens } = await usage
  assert.deepEqual(await used(), { rpm: 1, input: inputTokens, output: outputTokens, calls: 0 })
})

it('is denied with the decision', async () => {
  const limited = await model(WIDE, { wait: '50ms' })
  await limiter.hold(key, '60s')
  await assert.rejects(generateText({ model: limited, prompt: 'some words', maxRetries: 0 }), Denied)
  assert.equal((await labLog(lab)).requests, 0)
})

it('holds the key after a refusal, and stands in line again', async () => {
  const limited = await model({ claude: { requests: ['bucket', 30, 2] } }, { wait: '20s' }, { minute: 6 })
  const asked = Array.from({ length: 4 }, () => generateText({ model: limited, prompt: 'some words', maxOutputTokens: 50, maxRetries: 0 }))
  assert.equal((await Promise.all(asked)).length, 4)
  const { useful_at, refused_at } = await labLog(lab)
  assert.equal(useful_at.length, 4)
  assert.ok(refused_at.length > 0)
})

it('frees its slot when a stream is aborted', async () => {
  const giveUp = new AbortController()
  const { textStream } = streamText({ model: await model(), prompt: 'some words', maxOutputTokens: 500, maxRetries: 0, abortSignal: giveUp.signal })
  for await (const _ of textStream) {
    giveUp.abort()
    break
  }
  while (((await limiter.info(key))?.used as Record<string, number>)['calls'] !== 0);
})
