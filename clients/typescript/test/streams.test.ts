/**
 * Random answers through `limitFetch`: the reader gets the bytes that were sent, as soon as without it, and what is settled is what the
 * provider counted. RL_STREAM_CALLS (100) is the number of calls. From 1,000 on, the delay of the first byte is bounded, too.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { it } from 'node:test'

import { Limiter, limitFetch } from '../src/index.js'
import { PYTHON } from './support/lab.js'
import { freePort, ROOT, startServer } from './support/servers.js'

const CALLS = Number(process.env['RL_STREAM_CALLS'] ?? 100)
const MOST_DELAY_MS = 2
const ESTIMATED_INPUT = 10
const ESTIMATED_OUTPUT = 500

type Kind = 'json' | 'stream' | 'abandoned' | 'broken'
interface Counted {
  readonly input: number
  readonly output: number
}

async function startAnswers() {
  const port = await freePort()
  const program = join(ROOT, 'tests/packages/random_answers.py')
  const child = spawn(PYTHON, [program, '--port', String(port), '--seed', '7', '--calls', String(CALLS)], { stdio: ['ignore', 'inherit', 'inherit'] })
  const url = `http://127.0.0.1:${port}`
  for (;;) {
    const response = await fetch(`${url}/plan`).catch(() => null)
    assert.equal(child.exitCode, null)
    if (response) return { url, plan: (await response.json()) as { kind: Kind; leave: number }[], child }
  }
}

/** Returns what came, and when its first byte came. Leaves after `leave` bytes, if it is not 0. */
async function read(send: typeof fetch, url: string, call: number, leave: number): Promise<{ came: Buffer; first: bigint }> {
  const body = JSON.stringify({ model: `m-${call}`, max_tokens: 4_000, messages: [{ role: 'user', content: 'x'.repeat(40) }] })
  const parts: Uint8Array[] = []
  let [bytes, first] = [0, 0n]
  try {
    const response = await send(`${url}/v1/messages`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    for await (const part of response.body!) {
      first ||= process.hrtime.bigint()
      parts.push(part)
      bytes += part.length
      if (leave > 0 && bytes >= leave) break
    }
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error)) // it broke off
  }
  return { came: Buffer.concat(parts), first }
}

/** Returns what is charged: a stream that is left is settled at what has passed, and one that breaks off before it says what was used keeps its estimate. */
function expected(kind: Kind, came: Buffer, { input, output }: Counted): Record<string, number> {
  if (kind === 'json' || kind === 'stream') return { requests: 1, input, output, calls: 0 }
  const whole = came.toString().replaceAll('\r\n', '\n').split('\n\n').slice(0, -1)
  const events = whole.map((event) => JSON.parse(/^data: (.*)$/m.exec(event)![1]!))
  const texts = events.filter(({ type }) => type === 'content_block_delta').map(({ delta }) => delta.text ?? delta.partial_json)
  const isTold = events.some(({ type }) => type === 'message_start')
  const passed = Math.ceil(Buffer.byteLength(texts.join('')) / 4)
  const isCounted = events.some(({ type }) => type === 'message_delta')
  return { requests: 1, input: isTold ? input : ESTIMATED_INPUT, output: kind === 'broken' && !isCounted ? ESTIMATED_OUTPUT : passed, calls: 0 }
}

const p99 = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(0.99 * values.length)]!

it('random answers pass as they are, and are settled at what the provider counted', async (test) => {
  const [server, answers] = await Promise.all([startServer(), startAnswers()])
  test.after(async () => {
    answers.child.kill('SIGKILL')
    await once(answers.child, 'exit')
    await server.stop()
  })
  await using limiter = new Limiter(server.url, { policy: 'random', timeout: '5s' })
  await limiter.setPolicy('random', [
    { name: 'requests', limit: 1e6, window: '1d' },
    { name: 'input', limit: 1e9, window: '1d', unit: 'input' },
    { name: 'output', limit: 1e9, window: '1d', unit: 'output' },
    { name: 'calls', inflight: 50 }
  ])
  const limited = limitFetch(limiter, { key: (model) => model, expectedOutput: ESTIMATED_OUTPUT })
  const delays = { limited: [] as number[], plain: [] as number[] }
  const charged: Record<string, number>[] = []
  for (const [call, { kind, leave }] of answers.plan.entries()) {
    const ways = [['limited', limited], ['plain', fetch]] as const
    // Which of the two goes first alternates.
    for (const [name, send] of call % 2 ? ways : ways.toReversed()) {
      const { came, first } = await read(send, answers.url, call, leave)
      const log = await fetch(`${answers.url}/sent/${call}`)
      const sent = Buffer.from(await log.arrayBuffer())
      const passes = kind === 'abandoned' ? came.length > 0 && sent.subarray(0, came.length).equals(came) : sent.equals(came)
      assert.ok(passes, `${name}, call ${call}, ${kind}: ${came.length} of ${sent.length} bytes`)
      delays[name].push(Number(first - BigInt(log.headers.get('x-first')!)) / 1e6)
      const counted = { input: Number(log.headers.get('x-input')), output: Number(log.headers.get('x-output')) }
      if (name === 'limited') charged.push(expected(kind, came, counted))
    }
  }
  for (const [call, costs] of charged.entries()) {
    let info = await limiter.info(`m-${call}`)
    while ((info?.used as Record<string, number>)['calls']) info = await limiter.info(`m-${call}`)
    assert.deepEqual(info?.used, costs, `call ${call}, ${answers.plan[call]!.kind}`)
  }
  const [withLimit, without] = [p99(delays.limited), p99(delays.plain)]
  console.log(`# ${CALLS} calls, first byte after ${withLimit.toFixed(2)} ms with a limit, ${without.toFixed(2)} ms without (p99)`)
  assert.ok(CALLS < 1_000 || withLimit - without <= MOST_DELAY_MS)
})
