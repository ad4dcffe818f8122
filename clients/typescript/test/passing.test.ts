/** Answers pass as they are, whatever they are, and leave no reservation open. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { Limiter, limitFetch } from '../src/index.js'
import { labLog, startLab } from './support/lab.js'
import { serving } from './support/scripted.js'
import { startServer, type Program } from './support/servers.js'

let server: Program
let limiter: Limiter
let key = ''
let keys = 0
before(async () => {
  server = await startServer()
  await using setter = new Limiter(server.url)
  await setter.setPolicy('model', [
    { name: 'rpm', limit: 10_000, window: '1h' },
    { name: 'input', limit: 1e9, window: '1h', unit: 'input' },
    { name: 'output', limit: 1e9, window: '1h', unit: 'output' },
    { name: 'calls', inflight: 1_000 }
  ])
})
after(() => server.stop())
beforeEach(() => {
  key = `pass:${(keys += 1)}`
  limiter = new Limiter(server.url, { policy: 'model' })
})
afterEach(() => limiter.close())

/** What the key uses, once everything is settled. */
async function used(): Promise<Record<string, number>> {
  await limiter.close()
  await using other = new Limiter(server.url)
  return (await other.info(key))?.used as Record<string, number>
}

const BODY = JSON.stringify({ model: 'claude', max_tokens: 700, messages: [{ role: 'user', content: 'x'.repeat(40) }] })
const post = (url: string, init: RequestInit = {}) =>
  limitFetch(limiter, { key })(`${url}/v1/messages`, { method: 'POST', body: BODY, ...init })

describe('a stream', () => {
  it('passes byte for byte', async () => {
    const chunks = Array.from({ length: 50 }, (_, at) => randomBytes(1 + at * 37))
    const answer = async (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'x-own': 'header' })
      for (const chunk of chunks) if (!response.write(chunk)) await once(response, 'drain')
      response.end()
    }
    await serving(answer, async (url) => {
      const response = await post(url)
      assert.equal(response.headers.get('x-own'), 'header')
      assert.equal(response.url, `${url}/v1/messages`)
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), Buffer.concat(chunks))
    })
    assert.deepEqual(await used(), { rpm: 1, input: 10, output: 500, calls: 0 })
  })

  it('is not buffered: a part is there before the next one is sent', async () => {
    let go = () => {}
    const answer = async (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let part = 0; part < 5; part += 1) {
        const taken = new Promise<void>((resolve) => (go = resolve))
        response.write(`data: {"part":${part}}\n\n`)
        await taken
      }
      response.end()
    }
    await serving(answer, async (url) => {
      const reader = (await post(url)).body!.getReader()
      for (let part = 0; part < 5; part += 1) {
        assert.equal(new TextDecoder().decode((await reader.read()).value), `data: {"part":${part}}\n\n`)
        go()
      }
      assert.equal((await reader.read()).done, true)
    })
  })

  it('that breaks keeps its estimate, and frees its slot', async () => {
    const answer = (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const start = { type: 'message_start', message: { usage: { input_tokens: 77, output_tokens: 1 } } }
      response.write(`event: message_start\ndata: ${JSON.stringify(start)}\n\n`, () => response.destroy())
    }
    await serving(answer, async (url) => assert.rejects((await post(url)).text()))
    assert.deepEqual(await used(), { rpm: 1, input: 77, output: 500, calls: 0 })
  })

  it('that the caller aborts settles at what had passed', async () => {
    const answer = (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`event: content_block_delta\ndata: ${JSON.stringify({ delta: { text: 'x'.repeat(40) } })}\n\n`)
    }
    await serving(answer, async (url) => {
      const giveUp = new AbortController()
      const reader = (await post(url, { signal: giveUp.signal })).body!.getReader()
      await reader.read()
      giveUp.abort()
      await assert.rejects(reader.read(), { name: 'AbortError' })
    })
    assert.deepEqual(await used(), { rpm: 1, input: 10, output: 10, calls: 0 })
  })

  it('that nobody reads is settled when it is collected', async () => {
    setFlagsFromString('--expose_gc')
    const collect = runInNewContext('gc') as () => void
    const answer = (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    }
    await serving(answer, async (url) => {
      await post(url)
      while ((((await limiter.info(key))?.used as Record<string, number>)['calls'] ?? 0) > 0) {
        collect()
        await new Promise(setImmediate)
      }
    })
    assert.deepEqual((await used())['rpm'], 1)
  })
})

describe('an answer', () => {
  const cases: [string, number, Record<string, string>, string, Record<string, number>][] = [
    ['of 500 keeps its estimate', 500, {}, 'failed', { rpm: 1, input: 10, output: 500, calls: 0 }],
    ['of 400 gives tokens back', 400, {}, '{}', { rpm: 1, input: 0, output: 0, calls: 0 }],
    ['without usage keeps its estimate', 200, { 'content-type': 'application/json' }, '{}', { rpm: 1, input: 10, output: 500, calls: 0 }],
    ['that is no JSON keeps its estimate', 200, { 'content-type': 'application/json' }, '{"usage":', { rpm: 1, input: 10, output: 500, calls: 0 }],
    ['of another type keeps its estimate', 200, { 'content-type': 'text/plain' }, 'text', { rpm: 1, input: 10, output: 500, calls: 0 }],
    ['without a body keeps its estimate', 204, {}, '', { rpm: 1, input: 10, output: 500, calls: 0 }],
    [
      'with usage is settled at it',
      200,
      { 'content-type': 'application/json' },
      '{"usage":{"input_tokens":3,"output_tokens":2000}}',
      { rpm: 1, input: 3, output: 2_000, calls: 0 }
    ]
  ]
  for (const [name, status, headers, text, costs] of cases) {
    it(name, async () => {
      const answer = (_: unknown, response: import('node:http').ServerResponse) => response.writeHead(status, headers).end(text)
      const response = await serving(answer, async (url) => {
        const response = await post(url)
        assert.equal(await response.text(), text)
        return response
      })
      assert.equal(response.status, status)
      assert.deepEqual(await used(), costs)
    })
  }

  it('of 429 that does not end is the last refusal, and is readable', async () => {
    const answer = (_: unknown, response: import('node:http').ServerResponse) => response.writeHead(429, { 'retry-after': '30' }).end('slow down')
    await serving(answer, async (url) => {
      const response = await limitFetch(limiter, { key, wait: '300ms' })(`${url}/v1/messages`, { method: 'POST', body: BODY })
      assert.equal(response.status, 429)
      assert.equal(await response.text(), 'slow down')
    })
    await using other = new Limiter(server.url)
    const info = await other.info(key)
    for (const limit of ['rpm', 'input', 'output']) assert.ok((info?.heldMs as Record<string, number>)[limit]! > 25_000, limit)
    assert.equal((info?.used as Record<string, number>)['calls'], 0)
  })
})

describe('what an answer says is left', () => {
  const told = (remaining: number, limit = 10_000) => ({
    'anthropic-ratelimit-requests-remaining': `${remaining}`,
    'anthropic-ratelimit-requests-limit': `${limit}`,
    'anthropic-ratelimit-requests-reset': new Date(Date.now() + 60_000).toISOString()
  })
  const elsewhere = async () => ((await limiter.info(key))?.usedElsewhere as Record<string, number> | undefined)?.['rpm']
  /** Asks once, and returns what is then used elsewhere, once everything is told. */
  const once = async (headers: Record<string, string>) => {
    await serving((_, response) => response.writeHead(200, headers).end('{}'), async (url) => (await post(url)).text())
    await limiter.close()
    limiter = new Limiter(server.url, { policy: 'model' })
    return elsewhere()
  }

  it('counts here, less the margin', async () => {
    assert.equal(await once(told(5_000)), 9_999 - (5_000 - 300))
  })

  it('is a debt if it is less than the margin', async () => {
    assert.equal(await once(told(100)), 9_999 - (100 - 300))
  })

  it('lowers a limit that is lower there', async () => {
    // Nothing of it is used there, but it is 400 instead of 10,000.
    assert.equal(await once(told(10_000, 400)), 9_600)
  })

  it('is ignored if it is older than what is known', async () => {
    let late: import('node:http').ServerResponse | undefined
    const answer = (_: unknown, response: import('node:http').ServerResponse) => {
      if (late) response.writeHead(200, told(5_000)).end('{}')
      else late = response
    }
    await serving(answer, async (url) => {
      const first = post(url)
      while (!late) await new Promise(setImmediate)
      await new Promise((later) => setTimeout(later, 20)) // ages are whole milliseconds
      await (await post(url)).text()
      while (!(await elsewhere()));
      const known = await elsewhere()
      late.writeHead(200, told(9_000)).end('{}')
      await (await first).text()
      await limiter.close()
      limiter = new Limiter(server.url, { policy: 'model' })
      assert.equal(await elsewhere(), known)
      assert.equal(known, 9_998 - (5_000 - 300))
    })
  })

  it('comes with a hold of the whole key after a refusal', async () => {
    let requests = 0
    const heldMs: number[] = []
    const answer = async (_: unknown, response: import('node:http').ServerResponse) => {
      if ((requests += 1) > 1) return response.writeHead(200).end('{}')
      return response.writeHead(429, told(100)).end('slow down')
    }
    await serving(answer, async (url) => {
      const asked = post(url)
      for (let held = 0; !held; heldMs.push(held)) {
        const info = await limiter.info(key)
        held = (info?.heldMs as Record<string, number> | undefined)?.['output'] ?? 0
      }
      // It says a debt, too, which would keep the request for a minute.
      while ((await limiter.info(key))?.waiting.normal !== 1);
      assert.equal(await elsewhere(), 9_999 - (100 - 300))
      await limiter.syncQuota(key, { rpm: { remaining: 10_000, reset: '0s' } })
      assert.equal((await asked).status, 200)
    })
    assert.ok(heldMs[0]! <= 1_000, `held for ${heldMs} ms: without retry-after it is a second`)
    assert.equal(requests, 2)
  })
})

it('a thousand calls are settled at what the provider counted', async () => {
  const lab = await startLab({ models: { claude: { requests: ['bucket', 1e6], input: ['bucket', 1e9], output: ['bucket', 1e9] } } })
  const wrapped = limitFetch(limiter, { key })
  let input = 0
  let output = 0
  const call = async (at: number) => {
    const stream = at % 2 === 0
    const body = JSON.stringify({ model: 'claude', max_tokens: 1_024, stream, messages: [{ role: 'user', content: `job ${at}: ${'x'.repeat(at)}` }] })
    const text = await (await wrapped(`${lab.url}/v1/messages`, { method: 'POST', body })).text()
    const last = (name: string) => Number([...text.matchAll(new RegExp(`"${name}": (\\d+)`, 'g'))].at(-1)?.[1])
    input += last('input_tokens')
    output += last('output_tokens')
  }
  const jobs = Array.from({ length: 1_000 }, (_, at) => at)
  const worker = async () => {
    for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) await call(job)
  }
  await Promise.all(Array.from({ length: 100 }, worker))
  assert.deepEqual(await used(), { rpm: 1_000, input, output, calls: 0 })
  assert.equal((await labLog(lab)).useful_at.length, 1_000)
  await lab.stop()
})
