/** What calls reserve and settle at, and how usage is read, against naive versions. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { reservedCosts, settledCosts } from '../src/llm/costs.js'
import { meterOf } from '../src/llm/meter.js'
import { OutputEstimate } from '../src/llm/output.js'
import { providerOf } from '../src/llm/providers.js'
import { estimateInput, readRequest } from '../src/llm/request.js'
import { SseReader } from '../src/llm/sse.js'
import { unitsOf } from '../src/llm/units.js'
import { leftOf } from '../src/llm/upstream.js'
import { profile } from '../src/profiles/profile.js'

const bytes = (text: string) => new TextEncoder().encode(text)
const units = unitsOf([
  { name: 'rpm', limit: 10, window: '60s' },
  { name: 'itpm', limit: 1_000, window: '60s', unit: 'input' },
  { name: 'otpm', limit: 1_000, window: '60s', unit: 'output', algorithm: 'bucket', capacity: 600 },
  { name: 'tpm', limit: 5_000, window: '60s', unit: 'llm' },
  { name: 'trial', limit: 1, window: '60s', unit: 'tokens', shadow: true },
  { name: 'calls', inflight: 1 }
])

it('finds the units of a policy', () => {
  assert.deepEqual(units, [
    { name: 'input', counts: 'input', most: 1_000 },
    { name: 'output', counts: 'output', most: 600 },
    { name: 'llm', counts: 'tokens', most: 5_000 }
  ])
})

describe('costs', () => {
  const estimate = (maxOutput: number | null, past: number[] = []) => {
    const output = new OutputEstimate(500)
    past.forEach((tokens) => output.add(tokens))
    return { input: 100, maxOutput, expectOutput: (most: number) => output.reserve(most) }
  }
  const cases: [string, number | null, number[], Record<string, number>][] = [
    ['anthropic', 400, [], { input: 100, output: 400, llm: 500 }],
    ['anthropic', 64_000, [900], { input: 100, output: 600, llm: 1_000 }], // never more than fits
    ['anthropic', 400, [30, 50, 40], { input: 100, output: 50, llm: 150 }],
    ['openai', 400, [30], { input: 100, output: 30, llm: 400 }],
    ['openai', 40, [], { input: 100, output: 40, llm: 100 }],
    ['openai', null, [], { input: 100, output: 500, llm: 100 }],
    ['azure', 400, [30], { input: 100, output: 400, llm: 500 }],
    ['bedrock', 400, [30], { input: 100, output: 400, llm: 500 }],
    ['groq', 400, [30], { input: 100, output: 30, llm: 130 }]
  ]
  for (const [provider, maxOutput, past, costs] of cases) {
    it(`${provider} reserves ${JSON.stringify(costs)}`, () => {
      assert.deepEqual(reservedCosts(profile(provider), units, estimate(maxOutput, past)), costs)
    })
  }

  it('settles at what is known', () => {
    const settled = (provider: string, usage: object) => settledCosts(profile(provider), units, usage)
    assert.deepEqual(settled('anthropic', { input: 90, output: 7 }), { input: 90, output: 7, llm: 97 })
    assert.deepEqual(settled('anthropic', { input: 90 }), { input: 90 })
    assert.deepEqual(settled('openai', { input: 90, output: 7, tokens: 97 }), { input: 90, output: 7 }) // charged as reserved
    assert.deepEqual(settled('bedrock', { input: 90, output: 7 }), { input: 90, output: 7, llm: 97 })
    assert.deepEqual(settled('anthropic', {}), {})
  })
})

it('the running p99 is that of the last 512 calls', () => {
  const estimate = new OutputEstimate(500)
  const all: number[] = []
  let seed = 7
  for (let call = 0; call < 3_000; call += 1) {
    seed = (seed * 48_271) % 2_147_483_647
    all.push(seed % 4_096)
    estimate.add(seed % 4_096)
    if (call % 8 !== 7) continue
    const sorted = all.slice(-512).sort((a, b) => a - b)
    assert.equal(estimate.reserve(1e9), sorted[Math.min(sorted.length - 1, Math.floor(0.99 * sorted.length))], `after ${call}`)
  }
  assert.equal(estimate.reserve(5), 5)
})

describe('events', () => {
  const text = 'event: a\ndata: {"x":1}\n\n: a remark\n\ndata: one\ndata: zwei \u00e4\u{1f600}\r\n\r\nevent: b\ndata:2\n\n'
  const whole = [
    { name: 'a', data: '{"x":1}' },
    { name: '', data: 'one\nzwei \u00e4\u{1f600}' },
    { name: 'b', data: '2' }
  ]
  it('are read whatever the chunks are', () => {
    const all = bytes(text)
    for (let size = 1; size <= all.length; size += 1) {
      const reader = new SseReader()
      const events = []
      for (let at = 0; at < all.length; at += size) events.push(...reader.push(all.slice(at, at + size)))
      assert.deepEqual(events, whole, `chunks of ${size}`)
    }
  })
})

describe('usage', () => {
  const json = (provider: string, body: unknown) => {
    const meter = meterOf(profile(provider), new Headers({ 'content-type': 'application/json; charset=utf-8' }))
    const all = bytes(JSON.stringify(body))
    meter.pass(all.slice(0, 9))
    meter.pass(all.slice(9))
    return meter.complete()
  }
  const stream = (provider: string, text: string) => {
    const meter = meterOf(profile(provider), new Headers({ 'content-type': 'text/event-stream' }))
    meter.pass(bytes(text))
    return meter
  }
  const none = { input: undefined, output: undefined, tokens: undefined }
  const known = (usage: object) => Object.fromEntries(Object.entries(usage).filter(([, tokens]) => tokens !== undefined))

  it('counts writes to the cache, and no reads from it (Anthropic)', () => {
    const usage = { input_tokens: 10, cache_creation_input_tokens: 5, cache_read_input_tokens: 1_000, output_tokens: 7 }
    assert.deepEqual(known(json('anthropic', { usage })), { input: 15, output: 7 })
    const events = `event: message_start\ndata: ${JSON.stringify({ message: { usage: { ...usage, output_tokens: 1 } } })}\n\n`
    assert.deepEqual(known(stream('anthropic', events).complete()), { input: 15 })
    const end = 'event: message_delta\ndata: {"usage":{"output_tokens":9}}\n\n'
    assert.deepEqual(known(stream('anthropic', events + end).complete()), { input: 15, output: 9 })
  })

  it('reads both APIs of OpenAI', () => {
    assert.deepEqual(json('openai', { usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } }), { input: 1, output: 2, tokens: 3 })
    assert.deepEqual(json('openai', { usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 } }), { input: 1, output: 2, tokens: 3 })
    const end = 'event: response.completed\ndata: {"response":{"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}\n\n'
    assert.deepEqual(stream('openai', end).complete(), { input: 1, output: 2, tokens: 3 })
  })

  it('takes cached tokens out of the sum they are in (Groq)', () => {
    const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, prompt_tokens_details: { cached_tokens: 64 } }
    assert.deepEqual(json('groq', { usage }), { input: 36, output: 20, tokens: 56 })
  })

  it('adds thoughts (Gemini), and reads headers (Bedrock)', () => {
    const usageMetadata = { promptTokenCount: 8, candidatesTokenCount: 4, thoughtsTokenCount: 30, totalTokenCount: 42 }
    assert.deepEqual(json('gemini', { usageMetadata }), { input: 8, output: 34, tokens: 42 })
    const headers = new Headers({ 'x-amzn-bedrock-input-token-count': '8', 'x-amzn-bedrock-output-token-count': '4' })
    assert.deepEqual(known(meterOf(profile('bedrock'), headers).complete()), { input: 8, output: 4 })
  })

  it('is not known from bodies that do not say it', () => {
    assert.deepEqual(json('anthropic', { usage: { input_tokens: -1, output_tokens: 'many' } }), none)
    assert.deepEqual(json('anthropic', ['a list']), none)
    const broken = meterOf(profile('anthropic'), new Headers({ 'content-type': 'application/json' }))
    broken.pass(bytes('{"usage": {"input_'))
    assert.deepEqual(broken.complete(), none)
    assert.deepEqual(known(stream('anthropic', 'data: [DONE]\n\ndata: {"usage"\n\n').complete()), {})
  })

  it('is estimated by what had passed, if the reader gives up', () => {
    const delta = (text: string) => `event: content_block_delta\ndata: ${JSON.stringify({ delta: { type: 'text_delta', text } })}\n\n`
    assert.equal(stream('anthropic', delta('twelve chars') + delta('and more')).abandoned().output, 5)
    const chunk = `data: ${JSON.stringify({ choices: [{ delta: { role: 'assistant', content: 'sixteen letters!' } }] })}\n\n`
    assert.equal(stream('openai', chunk).abandoned().output, 4)
  })
})

describe('requests', () => {
  const read = (path: string, body: unknown, method = 'POST') => readRequest(new URL(path, 'https://host'), method, body)
  const text = (body: unknown) => JSON.stringify(body)

  it('are read from all kinds of bodies', async () => {
    const body = text({ model: 'm', max_tokens: 5 })
    for (const given of [body, bytes(body), bytes(body).buffer, new Blob([body]), new Request('https://host', { method: 'POST', body })]) {
      const request = await read('/v1/messages', given)
      assert.deepEqual([request?.model, request?.maxOutput], ['m', 5])
    }
  })

  it('name the model in the path, and the most output in their way', async () => {
    const gemini = await read('/v1beta/models/gemini-pro:generateContent', text({ generationConfig: { maxOutputTokens: 9 } }))
    assert.deepEqual([gemini?.model, gemini?.maxOutput], ['gemini-pro', 9])
    const bedrock = await read('/model/a%3Ab/converse', text({ inferenceConfig: { maxTokens: 8 } }))
    assert.deepEqual([bedrock?.model, bedrock?.maxOutput], ['a:b', 8])
    assert.equal((await read('/v1/responses', text({ model: 'm', max_output_tokens: 7 })))?.maxOutput, 7)
  })

  it('are left alone if they are none to a model', async () => {
    assert.equal(await read('/v1/messages', null, 'GET'), null)
    assert.equal(await read('/v1/messages/count_tokens', text({ model: 'm' })), null)
    assert.equal(await read('/v1/messages', 'no json'), null)
    assert.equal(await read('/v1/messages', text(['m'])), null)
    assert.equal(await read('/v1/files', new FormData()), null)
    assert.equal(await read('/v1/messages', text({})), null)
  })

  it('are estimated by their text', () => {
    assert.equal(estimateInput({ messages: [{ role: 'user', content: 'x'.repeat(400) }] }), 100)
    assert.equal(estimateInput({ messages: [{ role: 'user', content: [{ type: 'text', text: '\u00e4'.repeat(4) }] }] }), 2)
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(1e6) } }
    assert.ok(estimateInput({ messages: [{ role: 'user', content: [image] }] }) < 2_000)
    assert.equal(estimateInput({}), 1)
  })
})

it('knows providers by their hosts', () => {
  const of = (url: string) => providerOf(new URL(url))
  assert.equal(of('https://api.anthropic.com/v1/messages'), 'anthropic')
  assert.equal(of('https://x.openai.azure.com/openai/deployments/y/chat/completions'), 'azure')
  assert.equal(of('https://api.groq.com/openai/v1/chat/completions'), 'groq')
  assert.equal(of('https://bedrock-runtime.us-east-1.amazonaws.com/model/x/converse'), 'bedrock')
  assert.equal(of('http://gateway.local/v1/messages'), 'anthropic')
  assert.equal(of('http://gateway.local/v1/chat/completions'), 'openai')
})

describe('the word of a provider', () => {
  const limits = [
    { name: 'rpm', limit: 1_000, window: '60s' },
    { name: 'input', limit: 1_000, window: '60s', unit: 'input', algorithm: 'bucket', capacity: 100 },
    { name: 'calls', inflight: 5 }
  ] as const
  const told = (names: string[], remaining: number, of: number | null = null, resetMs: number | null = null) => [{ names, remaining, of, resetMs }]

  it('leaves a margin to the provider', () => {
    assert.deepEqual(leftOf(told(['requests', 'rpm'], 500, null, 2_000), limits, undefined), { rpm: { remaining: 470, reset: '2000ms' } })
    assert.deepEqual(leftOf(told(['rpm'], 500), limits, 0.1), { rpm: { remaining: 400 } })
    assert.deepEqual(leftOf(told(['input'], 500), limits, undefined), { input: { remaining: 475 } }, 'a quarter of a small bucket')
    assert.deepEqual(leftOf(told(['input'], 500), limits, 0), { input: { remaining: 500 } })
  })

  it('tells a limit that is low as a debt', () => {
    assert.deepEqual(leftOf(told(['rpm'], 20), limits, undefined), { rpm: { remaining: -10 } })
  })

  it('takes the margin of the limit that the provider has', () => {
    assert.deepEqual(leftOf(told(['rpm'], 1, 50), limits, undefined), { rpm: { remaining: -1, of: 50 } })
  })

  it('is ignored for limits that the policy does not have', () => {
    assert.deepEqual(leftOf([...told(['calls'], 0), ...told(['other'], 0)], limits, undefined), {})
  })
})
