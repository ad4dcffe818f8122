/** Requests that wait: their order, their bounds, and what ends them. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { createClient } from 'redis'

import { Busy, Limiter, type Lane } from '../src/index.js'
import { opened, WAYS } from './support/clients.js'
import { startCoordinator, startServer, TOKEN, type Program } from './support/servers.js'

let server: Program
before(async () => (server = await startServer()))
after(() => server.stop())

/** Resolves when so many requests wait for a key on the server. */
async function waiters(limiter: Limiter, key: string, count: number): Promise<void> {
  const waiting = async () => Object.values((await limiter.info(key))?.waiting ?? {}).reduce((sum, lane) => sum + lane, 0)
  while ((await waiting()) !== count);
}

/**
 * Checks that so many requests were served, first come, first served. Requests that stand in line on different connections at
 * the same time reach the server in any order.
 */
function inOrder(served: number[], count: number, connections: number): void {
  assert.equal(served.length, count)
  served.forEach((at, place) => assert.ok(Math.abs(at - place) < 2 * connections, `request ${at} came ${place}.: ${served}`))
}

for (const way of WAYS) {
  describe(way.name, () => {
    const key = (name: string) => `${way.name}:${name}`

    it('is admitted when its turn comes', () =>
      opened(way, server.url, {}, async (limiter) => {
        await limiter.slide(key('turn'), 1, '200ms')
        const began = performance.now()
        const { allowed } = await limiter.slide(key('turn'), 1, '200ms', { wait: '20s' })
        assert.equal(allowed, true)
        assert.ok(performance.now() - began > 100)
      }))

    it('waits for longer than any other command may take', () =>
      opened(way, server.url, { timeout: '100ms' }, async (limiter) => {
        await limiter.slide(key('long'), 1, '4s')
        assert.equal((await limiter.slide(key('long'), 1, '4s', { wait: '20s' })).allowed, true)
      }))

    it('leaves its line when it is aborted', () =>
      opened(way, server.url, {}, async (limiter) => {
        await limiter.slide(key('abort'), 1, '60s')
        const giveUp = new AbortController()
        const waiting = limiter.slide(key('abort'), 1, '60s', { wait: '60s', signal: giveUp.signal })
        await waiters(limiter, key('abort'), 1)
        giveUp.abort(new Error('enough'))
        await assert.rejects(waiting, { message: 'enough' })
        await waiters(limiter, key('abort'), 0)
      }))

    it('ends when the limiter is closed', async () => {
      const { limiter, close } = await way.open(server.url)
      await limiter.slide(key('close'), 1, '60s')
      const waiting = limiter.slide(key('close'), 1, '60s', { wait: '60s' })
      await waiters(limiter, key('close'), 1)
      await close()
      assert.equal((await waiting).degraded?.reason, 'down')
    })

    it('serves higher lanes first, and each lane in order', () =>
      opened(way, server.url, { connectionsPerLine: 2 }, async (limiter) => {
        const name = key('lanes')
        await limiter.hold(name, '60s')
        const served: string[] = []
        const asked: Promise<unknown>[] = []
        const ask = (lane: Lane, at: number) =>
          asked.push(
            limiter.bucket(name, 1, 50, { wait: '60s', priority: lane }).then(({ allowed }) => allowed && served.push(`${lane} ${at}`))
          )
        for (const lane of ['low', 'normal', 'high', 'critical'] as const) for (let at = 0; at < 6; at += 1) ask(lane, at)
        await waiters(limiter, name, 8) // two of each lane; the others queue in this process
        await limiter.hold(name, '0s')
        await Promise.all(asked)
        for (const lane of ['low', 'normal', 'high', 'critical']) {
          inOrder(served.filter((of) => of.startsWith(lane)).map((of) => Number(of.split(' ')[1])), 6, 2)
        }
        const criticalEnd = Math.max(...[0, 1, 2, 3, 4, 5].map((at) => served.indexOf(`critical ${at}`)))
        const lowBegin = served.findIndex((of) => of.startsWith('low'))
        assert.ok(criticalEnd < lowBegin, served.join())
      }))
  })
}

it('gets the denial of now when its time ends in the queue of this process', async () => {
  await using limiter = new Limiter(server.url, { connectionsPerLine: 1 })
  await limiter.slide('queue', 1, '60s')
  const first = limiter.slide('queue', 1, '60s', { wait: '1s' })
  await waiters(limiter, 'queue', 1)
  const second = await limiter.slide('queue', 1, '60s', { wait: '100ms' })
  assert.equal(second.allowed, false)
  assert.equal(second.degraded, undefined)
  assert.equal((await first).allowed, false)
})

it('a full key does not hold up another key', async () => {
  await using limiter = new Limiter(server.url, { connectionsPerLine: 1 })
  await limiter.slide('full', 1, '60s')
  const waiting = [limiter.slide('full', 1, '60s', { wait: '1s' }), limiter.slide('full', 1, '60s', { wait: '1s' })]
  await waiters(limiter, 'full', 1)
  assert.equal((await limiter.slide('free', 1, '60s', { wait: '1s' })).allowed, true)
  assert.deepEqual((await Promise.all(waiting)).map(({ allowed }) => allowed), [false, false])
})

it('serves a thousand waiters through few connections', async () => {
  await using limiter = new Limiter(server.url)
  const served: number[] = []
  const asked = Array.from({ length: 1_000 }, (_, at) =>
    limiter.bucket('thousand', 10, 2_000, { wait: '60s' }).then(({ allowed }) => allowed && served.push(at))
  )
  await Promise.all(asked)
  inOrder(served, 1_000, 8)
})

it('is told when too many wait', async () => {
  const small = await startServer()
  await using limiter = new Limiter(small.url)
  const client = await createClient({ url: small.url }).connect()
  await client.configSet('rl.max-waiters-per-key', '1')
  client.destroy()
  await limiter.hold('busy', '60s')
  const first = limiter.slide('busy', 1, '60s', { wait: '5s' })
  await waiters(limiter, 'busy', 1)
  await assert.rejects(limiter.slide('busy', 1, '60s', { wait: '5s', fail: 'open' }), Busy)
  await limiter.hold('busy', '0s')
  assert.equal((await first).allowed, true)
  await small.stop()
})

it('waits at a coordinator, and leaves when it is aborted', async () => {
  const coordinator = await startCoordinator()
  await using limiter = new Limiter(coordinator.url, { token: TOKEN, timeout: '500ms' })
  try {
    await limiter.slide('k', 1, '1s')
    assert.equal((await limiter.slide('k', 1, '1s', { wait: '20s' })).allowed, true)
    const giveUp = AbortSignal.timeout(50)
    await assert.rejects(limiter.slide('k', 1, '60s', { wait: '60s', signal: giveUp }), { name: 'TimeoutError' })
  } finally {
    await coordinator.stop()
  }
})
