/** Reservations at the first key that admits. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'

import { Denied, Limiter, type QuotaDecision } from '../src/index.js'
import { freePort, startCoordinator, startServer, TOKEN, type Program } from './support/servers.js'

let server: Program
let coordinator: Program
before(async () => {
  server = await startServer()
  coordinator = await startCoordinator()
})
after(() => Promise.all([server.stop(), coordinator.stop()]))

const KEYS = [
  { key: '{m}:opus', policy: 'opus' },
  { key: '{m}:haiku', policy: 'haiku' }
]
const RULES = [
  { name: 'output', limit: 100, window: '60s', unit: 'output' },
  { name: 'calls', inflight: 2 }
] as const
const WAYS = { 'a server': () => new Limiter(server.url), 'a coordinator': () => new Limiter(coordinator.url, { token: TOKEN }) }

for (const [way, open] of Object.entries(WAYS)) {
  it(`reserves at the first key that admits, at ${way}`, async () => {
    await using limiter = open()
    for (const { policy } of KEYS) await limiter.setPolicy(policy, RULES)
    const left = async (at: number) => ((await limiter.peek(KEYS[at]!.key)) as QuotaDecision).limits['output']?.remaining
    {
      await using preferred = await limiter.reserveFirst(KEYS, { cost: { output: 80 } })
      assert.equal(preferred.index, 0)
      await limiter.reserveFirst(KEYS, { cost: { output: 80 } }, async (other) => {
        assert.equal(other.index, 1)
        other.use({ output: 30 })
        const third = await limiter.reserveFirst(KEYS, { cost: { output: 80 } }).catch((error: unknown) => error)
        assert.ok(third instanceof Denied && 'index' in third.decision && third.decision.index === -1)
      })
      preferred.use({ output: 10 })
    }
    assert.deepEqual([await left(0), await left(1)], [90, 70])
  })
}

it('takes the preferred key if nothing can be decided and fail is open', async () => {
  await using limiter = new Limiter(`redis://127.0.0.1:${await freePort()}`, { fail: 'open' })
  await using call = await limiter.reserveFirst(KEYS)
  assert.equal(call.index, 0)
})
