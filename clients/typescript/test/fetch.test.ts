/** limitFetch with the SDKs of Anthropic and OpenAI, at the lab's provider. */

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'

import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'

import { Limiter, limitFetch, type LimitFetchOptions, type QuotaDecision } from '../src/index.js'
import { labLog, startLab, type LabOptions } from './support/lab.js'
import { freePort, startCoordinator, startServer, TOKEN, type Program } from './support/servers.js'

let server: Program
let limiter: Limiter
let lab: Program | undefined
before(async () => (server = await startServer()))
after(() => server.stop())
beforeEach(() => (limiter = new Limiter(server.url, { policy: 'model' })))
afterEach(async () => {
  await limiter.close()
  await lab?.stop()
  lab = undefined
})

const WIDE: LabOptions = {
  models: {
    'claude-sonnet': { requests: ['bucket', 60_000], input: ['bucket', 6e8], output: ['bucket', 6e8] },
    'gpt': { requests: ['sliding', 60_000], tokens: ['sliding', 6e8] }
  }
}
const POLICY = [
  { name: 'rpm', limit: 1_000, window: '60s' },
  { name: 'input', limit: 100_000, window: '60s', unit: 'input' },
  { name: 'output', limit: 100_000, window: '60s', unit: 'output' },
  { name: 'calls', inflight: 100 }
] as const
const TOKENS = [POLICY[0], { name: 'tpm', limit: 100_000, window: '60s', unit: 'tokens' }, POLICY[3]] as const

let keys = 0
const newKey = () => `fetch:${(keys += 1)}`

/** What a key uses of each limit, once everything is settled. */
async function used(key: string): Promise<unknown> {
  await limiter.close()
  await using other = new Limiter(server.url)
  return (await other.info(key))?.used
}

const anthropic = (options: LimitFetchOptions, base = lab!.url) =>
  new Anthropic({ apiKey: 'none', baseURL: base, maxRetries: 0, fetch: limitFetch(limiter, options) })
const openai = (options: LimitFetchOptions) =>
  new OpenAI({ apiKey: 'none', baseURL: `${lab!.url}/v1`, maxRetries: 0, fetch: limitFetch(limiter, options) })

const ask = (text = 'a prompt of some words') => ({
  model: 'claude-sonnet',
  max_tokens: 500,
  messages: [{ role: 'user' as const, content: text }]
})

describe('Anthropic', () => {
  it('settles at what a message used', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    const { usage } = await anthropic({ key }).messages.create(ask())
    assert.deepEqual(await used(key), { rpm: 1, input: usage.input_tokens, output: usage.output_tokens, calls: 0 })
  })

  it('settles at what a stream used', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    const stream = anthropic({ key }).messages.stream(ask())
    const { usage, content } = await stream.finalMessage()
    assert.equal(content[0]?.type === 'text' && content[0].text, 'word word word ')
    assert.deepEqual(await used(key), { rpm: 1, input: usage.input_tokens, output: usage.output_tokens, calls: 0 })
  })

  it('does the same at a coordinator', async () => {
    lab = await startLab(WIDE)
    const coordinator = await startCoordinator()
    await using over = new Limiter(coordinator.url, { token: TOKEN, policy: 'model' })
    await over.setPolicy('model', POLICY)
    const claude = new Anthropic({ apiKey: 'none', baseURL: lab.url, maxRetries: 0, fetch: limitFetch(over, { key: 'k' }) })
    const { usage } = await claude.messages.stream(ask()).finalMessage()
    await over.close()
    const { limits } = (await over.peek('k')) as QuotaDecision
    assert.deepEqual(
      Object.values(limits).map(({ remaining }) => remaining),
      [999, 100_000 - usage.input_tokens, 100_000 - usage.output_tokens, 100]
    )
    await coordinator.stop()
  })

  it('reserves what past calls produced', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    const claude = anthropic({ key })
    const { usage } = await claude.messages.create(ask())
    const stream = await claude.messages.create({ ...ask(), stream: true })
    const open = (await limiter.info(key))?.used as Record<string, number>
    assert.equal(open['output'], 2 * usage.output_tokens, 'the first call, and as much for the second')
    for await (const _ of stream);
  })

  it('settles an abandoned stream at what had passed', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    const stream = await anthropic({ key }).messages.create({ ...ask(), stream: true })
    for await (const event of stream) if (event.type === 'content_block_delta') break
    const { rpm, input, output, calls } = (await used(key)) as Record<string, number>
    assert.deepEqual({ rpm, input, calls }, { rpm: 1, input: 5, calls: 0 })
    assert.ok(output! > 0 && output! < 10, `output ${output}`)
  })

  it('an abort while it waits in line is the SDK\'s abort', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    await limiter.hold(key, '60s')
    const giveUp = new AbortController()
    const asked = anthropic({ key }).messages.create(ask(), { signal: giveUp.signal })
    while ((await limiter.info(key))?.waiting.normal !== 1);
    giveUp.abort()
    await assert.rejects(asked, Anthropic.APIUserAbortError)
    while ((await limiter.info(key))?.waiting.normal !== 0);
  })

  it('holds the key after a refusal and stands in line again', async () => {
    // The provider allows 2 requests and another one each 200 ms; the policy allows twice as much.
    lab = await startLab({ models: { 'claude-sonnet': { requests: ['bucket', 30, 2] } }, minute: 6 })
    await limiter.setPolicy('model', [{ name: 'rpm', limit: 60, window: '6s', algorithm: 'bucket', capacity: 4 }, POLICY[3]])
    const key = newKey()
    const claude = anthropic({ key, wait: '20s' })
    const asked = Array.from({ length: 8 }, () => claude.messages.create(ask()))
    assert.equal((await Promise.all(asked)).length, 8)
    const { requests, useful_at, refused_at } = await labLog(lab)
    assert.equal(useful_at.length, 8)
    assert.ok(refused_at.length > 0 && requests <= 24, `${refused_at.length} refusals`)
    assert.equal(((await used(key)) as Record<string, number>)['calls'], 0)
  })

  it('sends again what an overloaded provider refused', async () => {
    lab = await startLab({ ...WIDE, overloaded: 0.5, seed: 3 })
    await limiter.setPolicy('model', POLICY)
    const claude = anthropic({ key: newKey() })
    const answers = await Promise.all(Array.from({ length: 4 }, () => claude.messages.create(ask())))
    assert.equal(answers.length, 4)
    assert.ok((await labLog(lab)).requests > 4)
  })

  it('is denied as by the provider, at once', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    await limiter.hold(key, '60s')
    const claude = new Anthropic({ apiKey: 'none', baseURL: lab.url, maxRetries: 5, fetch: limitFetch(limiter, { key, wait: '50ms' }) })
    const began = performance.now()
    const error = await claude.messages.create(ask()).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof Anthropic.RateLimitError)
    assert.match(error.message, /redis-rl: denied by/)
    assert.equal(error.headers?.get('redis-rl'), 'denied')
    assert.ok(performance.now() - began < 5_000, "the SDK's retries are harmless")
    assert.equal((await labLog(lab)).requests, 0)
  })

  it('fails as the caller chose', async () => {
    lab = await startLab(WIDE)
    const away = new Limiter(`redis://127.0.0.1:${await freePort()}`, { policy: 'model' })
    const closed = new Anthropic({ apiKey: 'none', baseURL: lab.url, maxRetries: 0, fetch: limitFetch(away) })
    const error = await closed.messages.create(ask()).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof Anthropic.InternalServerError)
    assert.equal(error.status, 503)
    const open = new Anthropic({ apiKey: 'none', baseURL: lab.url, maxRetries: 0, fetch: limitFetch(away, { fail: 'open' }) })
    assert.equal((await open.messages.create(ask())).role, 'assistant')
    await away.close()
  })

  it('chooses the policy by the model, and leaves other models alone', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('sonnet', POLICY)
    const claude = anthropic({ policy: { 'claude-sonnet': 'sonnet' }, key: (model, policy) => `by:${model}:${policy}` })
    await claude.messages.create(ask())
    await assert.rejects(claude.messages.create({ ...ask(), model: 'other' }), Anthropic.NotFoundError)
    assert.equal(await limiter.info('by:other:undefined'), null)
    assert.equal(((await used('by:claude-sonnet:sonnet')) as Record<string, number>)['rpm'], 1)
  })

  it("gives the tokens of a wrong request back", async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    await assert.rejects(anthropic({ key }).messages.create({ ...ask(), model: 'other' }), Anthropic.NotFoundError)
    assert.deepEqual(await used(key), { rpm: 1, input: 0, output: 0, calls: 0 })
  })

  it('keeps the estimate of a request of unknown outcome, and cancels one that was not sent', async () => {
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    const gone = anthropic({ key }, `http://127.0.0.1:${await freePort()}`)
    await assert.rejects(gone.messages.create(ask()), Anthropic.APIConnectionError)
    lab = await startLab(WIDE)
    lab.process.kill('SIGSTOP')
    await assert.rejects(anthropic({ key }).messages.create(ask(), { timeout: 200 }), Anthropic.APIConnectionTimeoutError)
    assert.deepEqual(await used(key), { rpm: 1, input: 6, output: 500, calls: 0 })
  })
})

describe('OpenAI', () => {
  const chat = { model: 'gpt', max_tokens: 300, messages: [{ role: 'user' as const, content: 'a prompt' }] }

  it('charges the larger of max_tokens and the input, as the provider does', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', TOKENS)
    const key = newKey()
    const answer = await openai({ key }).chat.completions.create(chat)
    assert.ok(answer.usage!.total_tokens < 300)
    assert.deepEqual(await used(key), { rpm: 1, tpm: 300, calls: 0 })
  })

  it('reads the usage of a stream', async () => {
    lab = await startLab(WIDE)
    await limiter.setPolicy('model', POLICY)
    const key = newKey()
    const stream = await openai({ key }).chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } })
    let usage
    for await (const chunk of stream) usage = chunk.usage ?? usage
    assert.deepEqual(await used(key), { rpm: 1, input: usage!.prompt_tokens, output: usage!.completion_tokens, calls: 0 })
  })

  it('a refused request counts, and the headers of a refusal hold the key', async () => {
    lab = await startLab({ models: { gpt: { requests: ['sliding', 3], tokens: ['sliding', 1e6] } }, minute: 2, refused_count: false })
    // The provider has no limit of the name `all`, which counts what the short window has forgotten.
    await limiter.setPolicy('model', [{ name: 'rpm', limit: 6, window: '2s' }, { name: 'all', limit: 1_000, window: '1h' }, TOKENS[1], TOKENS[2]])
    const key = newKey()
    const gpt = openai({ key, wait: '20s' })
    await Promise.all(Array.from({ length: 5 }, () => gpt.chat.completions.create(chat)))
    const { refused_at } = await labLog(lab)
    assert.ok(refused_at.length > 0)
    const { all, calls } = (await used(key)) as Record<string, number>
    assert.deepEqual({ all, calls }, { all: 5 + refused_at.length, calls: 0 })
  })
})
