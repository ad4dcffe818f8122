/** Reservations as scopes. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'

import { Denied, Limiter, Unavailable, type QuotaDecision } from '../src/index.js'
import { freePort, startCoordinator, startServer, TOKEN, type Program } from './support/servers.js'

let server: Program
let coordinator: Program
before(async () => {
  server = await startServer()
  coordinator = await startCoordinator()
})
after(() => Promise.all([server.stop(), coordinator.stop()]))

/** A key of its own for each test. */
let key = ''
let keys = 0
beforeEach(() => (key = `scope:${(keys += 1)}`))

const RULES = [
  { name: 'rpm', limit: 10, window: '60s' },
  { name: 'tpm', limit: 1_000, window: '60s', unit: 'tokens' },
  { name: 'calls', inflight: 1 }
] as const

/** What remains of each limit of the key. */
async function remaining(limiter: Limiter): Promise<Record<string, number>> {
  const { limits } = (await limiter.peek(key)) as QuotaDecision
  return Object.fromEntries(Object.entries(limits).map(([name, { remaining }]) => [name, remaining]))
}

const WAYS = { 'a server': () => new Limiter(server.url), 'a coordinator': () => new Limiter(coordinator.url, { token: TOKEN }) }

for (const [way, open] of Object.entries(WAYS)) {
  it(`settles at what was used, at ${way}`, async () => {
    await using limiter = open()
    {
      await using call = await limiter.reserve(key, RULES, { cost: { tokens: 500 } })
      assert.deepEqual(await remaining(limiter), { rpm: 9, tpm: 500, calls: 0 })
      call.use({ tokens: 20 })
    }
    assert.deepEqual(await remaining(limiter), { rpm: 9, tpm: 980, calls: 1 })
  })

  it(`leaves the estimate charged after an error, at ${way}`, async () => {
    await using limiter = open()
    const failing = limiter.reserve(key, RULES, { cost: { tokens: 500 } }, async () => {
      throw new Error('of unknown outcome')
    })
    await assert.rejects(failing, { message: 'of unknown outcome' })
    assert.deepEqual(await remaining(limiter), { rpm: 9, tpm: 500, calls: 1 })
  })

  it(`gives everything back only on request, at ${way}`, async () => {
    await using limiter = open()
    const result = await limiter.reserve(key, RULES, { cost: { tokens: 500 } }, async (call) => {
      assert.equal(await call.cancel(), true)
      assert.equal(await call.cancel(), false)
      return 'the result'
    })
    assert.equal(result, 'the result')
    assert.deepEqual(await remaining(limiter), { rpm: 10, tpm: 1_000, calls: 1 })
  })

  it(`renews itself while it is open, at ${way}`, async () => {
    await using limiter = open()
    await using call = await limiter.reserve(key, RULES, { cost: { tokens: 1 }, ttl: '300ms' })
    // A waiter for the only slot gets it if the reservation runs out.
    const waiting = await limiter.quota(key, RULES, { reserve: '1s', wait: '1s' })
    assert.deepEqual(waiting.blocking, ['calls'])
    assert.equal(await call.settle(), true)
  })
}

it('is denied with the decision', async () => {
  await using limiter = new Limiter(server.url)
  const denied = await limiter.reserve(key, RULES, { cost: { tokens: 1_001 } }).catch((error: unknown) => error)
  assert.ok(denied instanceof Denied)
  assert.equal(denied.retryAfterMs, Infinity)
  assert.match(denied.message, /denied by tpm for ever/)
  await using call = await limiter.reserve(key, RULES)
  assert.equal(call.isOpen, true)
  const second = await limiter.reserve(key, RULES).catch((error: unknown) => error)
  assert.ok(second instanceof Denied)
  assert.deepEqual((second.decision as QuotaDecision).blocking, ['calls'])
})

it('reserves on several keys', async () => {
  await using limiter = new Limiter(server.url)
  await limiter.setPolicy('scope-org', RULES)
  await limiter.setPolicy('scope-user', [{ name: 'cents', limit: 10, window: '60s', unit: 'cents' }])
  const many = [
    { key, policy: 'scope-org' },
    { key: `${key}:user`, policy: 'scope-user' }
  ]
  await limiter.reserve(many, null, { cost: { tokens: 100, cents: 5 } }, async (call) => {
    assert.deepEqual(Object.keys(call.decision.limits), ['scope-org/rpm', 'scope-org/tpm', 'scope-org/calls', 'scope-user/cents'])
    call.use({ tokens: 10, cents: 1 })
  })
  assert.deepEqual(await remaining(limiter), { rpm: 9, tpm: 990, calls: 1 })
  assert.equal(((await limiter.peek(`${key}:user`)) as QuotaDecision).limits['cents']?.remaining, 9)
})

it('tells what the headers of a provider say', async () => {
  await using limiter = new Limiter(server.url)
  await using call = await limiter.reserve(key, RULES)
  const headers = { 'x-ratelimit-remaining-requests': '4', 'x-ratelimit-reset-requests': '6m0s', 'retry-after': '20' }
  await call.sync(headers, 'openai')
  const info = await limiter.info(key)
  assert.deepEqual(info?.usedElsewhere, { rpm: 5, tpm: 0, calls: 0 })
  assert.ok((info?.heldMs as Record<string, number>)['rpm']! > 15_000)
})

it('a process that dies leaves its slot at the ttl', async () => {
  await using limiter = new Limiter(server.url)
  await limiter.quota(key, RULES, { reserve: '200ms' }) // nobody renews this one
  assert.equal((await limiter.quota(key, RULES, { reserve: '200ms', wait: '5s' })).allowed, true)
})

it('fails as the caller chose', async () => {
  const limiter = new Limiter(`redis://127.0.0.1:${await freePort()}`)
  await assert.rejects(limiter.reserve(key, RULES), Unavailable)
  await limiter.reserve(key, RULES, { fail: 'open' }, async (call) => {
    assert.equal(call.decision.degraded?.reason, 'down')
    call.use({ tokens: 1 })
  })
  assert.equal(limiter.stats.unsettled, 1)
})

it('gives back an admission whose answer was lost', async () => {
  const alone = await startServer()
  await using limiter = new Limiter(alone.url, { timeout: '200ms' })
  await using other = new Limiter(alone.url)
  await other.hold(key, '0s')
  alone.process.kill('SIGSTOP')
  const lost = limiter.reserve(key, RULES).catch((error: unknown) => error)
  assert.ok((await lost) instanceof Unavailable)
  alone.process.kill('SIGCONT')
  // The server has the request in its buffer: it admits it, and then gives it back.
  const free = async (): Promise<boolean> =>
    ((await other.quota(key, RULES, { cost: { requests: 0 }, reserve: '1s' })).blocking.length === 0 ? true : free())
  assert.equal(await free(), true)
  await alone.stop()
})
