/** A server that is gone, hangs, or cannot decide: the answer comes within the timeout, and is the one that `fail` chose. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { createClient } from 'redis'

import { Limiter, Unavailable, type Cause } from '../src/index.js'
import { opened, WAYS } from './support/clients.js'
import { freePort, startCoordinator, startServer, type Program } from './support/servers.js'

const TIMEOUT = '300ms'

/** The answer must come within this time. The rest is for a busy machine. */
const WITHIN_MS = 1_500

/** Asks both ways of failing, and checks the answers and the time that they take. */
async function degrades(limiter: Limiter, reason: Cause): Promise<void> {
  for (const fail of ['open', 'closed'] as const) {
    const began = performance.now()
    const decision = await limiter.slide('k', 5, '60s', { fail, timeout: TIMEOUT })
    const tookMs = performance.now() - began
    assert.ok(decision.degraded instanceof Unavailable)
    assert.equal(decision.degraded.reason, reason, decision.degraded.message)
    assert.equal(decision.allowed, fail === 'open')
    assert.ok(tookMs < WITHIN_MS, `took ${tookMs} ms`)
  }
  const began = performance.now()
  await assert.rejects(limiter.peek('k', 1, { timeout: TIMEOUT }), { name: 'Unavailable' })
  assert.ok(performance.now() - began < WITHIN_MS)
  assert.deepEqual([limiter.stats.degradedOpen, limiter.stats.degradedClosed], [1, 1])
  assert.equal(limiter.stats.unavailable[reason], 3)
}

/** Runs commands that the package does not have. */
async function command(url: string, ...commands: string[][]): Promise<void> {
  const client = await createClient({ url }).connect()
  for (const words of commands) await client.sendCommand(words)
  client.destroy()
}

for (const way of WAYS) {
  describe(way.name, () => {
    let server: Program
    before(async () => (server = await startServer()))
    after(() => server.stop())

    it('has no server', async () => {
      const url = `redis://127.0.0.1:${await freePort()}`
      await opened(way, url, {}, (limiter) => degrades(limiter, 'down'), false)
    })

    it('loses its server', async () => {
      const lost = await startServer()
      await opened(way, lost.url, {}, async (limiter) => {
        assert.equal((await limiter.slide('k', 5, '60s')).degraded, undefined)
        await lost.stop()
        await degrades(limiter, 'down')
      })
    })

    it('asks a server that hangs', async () => {
      await opened(way, server.url, {}, async (limiter) => {
        await limiter.slide('k', 5, '60s')
        server.process.kill('SIGSTOP')
        try {
          await degrades(limiter, 'down')
        } finally {
          server.process.kill('SIGCONT')
        }
        // It answers again when the server does.
        assert.equal((await limiter.slide('other', 5, '60s')).allowed, true)
      })
    })

    it('waits at a server that hangs', async () => {
      await opened(way, server.url, {}, async (limiter) => {
        await limiter.slide('w', 1, '60s')
        server.process.kill('SIGSTOP')
        const began = performance.now()
        try {
          const { degraded } = await limiter.slide('w', 1, '60s', { wait: '30s', timeout: TIMEOUT })
          assert.equal(degraded?.reason, 'down')
          assert.ok(performance.now() - began < WITHIN_MS)
        } finally {
          server.process.kill('SIGCONT')
        }
      })
    })

    it('asks a server that is restarted', async () => {
      const first = await startServer()
      await opened(way, first.url, {}, async (limiter) => {
        await limiter.slide('k', 5, '60s')
        await first.stop()
        const second = await startServer({ args: ['--port', String(first.port)] })
        try {
          const again = async () => {
            while ((await limiter.slide('k', 5, '60s')).degraded);
            return true
          }
          assert.equal(await again(), true)
        } finally {
          await second.stop()
        }
      })
    })

    it('asks a server without the module', async () => {
      const bare = await startServer({ module: false })
      await opened(way, bare.url, {}, (limiter) => degrades(limiter, 'no_module')).finally(bare.stop)
    })

    it('lacks a right', async () => {
      await command(server.url, ['ACL', 'SETUSER', 'nobody', 'on', '>secret', '~rl:*', '+@connection', '+rl.slide', '+info'])
      const url = server.url.replace('//', '//nobody:secret@')
      await opened(way, url, {}, (limiter) => degrades(limiter, 'noperm'))
    })

    it('asks a server out of memory', async () => {
      await command(server.url, ['CONFIG', 'SET', 'maxmemory', '1'])
      await opened(way, server.url, {}, async (limiter) => {
        const { degraded } = await limiter.slide('new', 5, '60s')
        assert.equal(degraded?.reason, 'oom')
      }).finally(() => command(server.url, ['CONFIG', 'SET', 'maxmemory', '0']))
    })

    it('asks a replica', async () => {
      const replica = await startServer({ args: ['--replicaof', '127.0.0.1', String(await freePort())] })
      await opened(way, replica.url, {}, async (limiter) => {
        const { degraded } = await limiter.slide('k', 5, '60s')
        assert.equal(degraded?.reason, 'readonly')
      }).finally(replica.stop)
    })

    it('waits while its server becomes a replica', async () => {
      const primary = await startServer()
      await opened(way, primary.url, {}, async (limiter) => {
        await limiter.slide('k', 1, '60s')
        const waiting = limiter.slide('k', 1, '60s', { wait: '30s' })
        while ((await limiter.info('k'))?.waiting.normal !== 1);
        await command(primary.url, ['REPLICAOF', '127.0.0.1', String(await freePort())])
        assert.equal((await waiting).degraded?.reason, 'down')
      }).finally(primary.stop)
    })

    it('asks a server that is loading', async () => {
      const loading = await startLoading()
      await opened(way, loading.url, {}, (limiter) => degrades(limiter, 'down'), way.name === 'a URL').finally(loading.stop)
    })
  })
}

it('gives no password, or a wrong one', async () => {
  const server = await startServer({ args: ['--requirepass', 'right'] })
  try {
    for (const url of [server.url, server.url.replace('//', '//:wrong@'), `${server.url.replace('//', '//:wrong@')}?protocol=3`]) {
      const limiter = new Limiter(url)
      await degrades(limiter, 'noauth')
      await limiter.close()
    }
    await using right = new Limiter(server.url.replace('//', '//:right@'))
    assert.equal((await right.slide('k', 5, '60s')).allowed, true)
    await using other = new Limiter(`${server.url.replace('//', '//:right@')}/3?protocol=3`)
    assert.equal((await other.slide('k', 5, '60s')).remaining, 4) // another database
  } finally {
    await server.stop()
  }
})

it('asks a coordinator that is gone, hangs, or has lost its server', async () => {
  const none = new Limiter(`http://127.0.0.1:${await freePort()}`)
  await degrades(none, 'down')

  const alone = await startCoordinator()
  await using hung = new Limiter(alone.url, { token: 'a token for tests' })
  await hung.slide('k', 5, '60s')
  alone.process.kill('SIGSTOP')
  await degrades(hung, 'down').finally(alone.stop)

  const server = await startServer()
  const over = await startCoordinator(server.url)
  await using behind = new Limiter(over.url, { token: 'a token for tests' })
  assert.equal((await behind.slide('k', 5, '60s')).degraded, undefined)
  await server.stop()
  await degrades(behind, 'down').finally(over.stop)
})

/** Starts a server that loads its keys so slowly that it is loading for the time of a test. */
async function startLoading(): Promise<Program> {
  const filled = await startServer({ module: false, args: ['--appendonly', 'yes', '--appendfsync', 'no'] })
  const client = await createClient({ url: filled.url }).connect()
  const dir = (await client.configGet('dir'))['dir'] as string
  await Promise.all(Array.from({ length: 500 }, (_, at) => client.set(`key:${at}`, 'x'.repeat(4_096))))
  client.destroy()
  filled.process.kill('SIGTERM')
  await new Promise((exited) => filled.process.once('exit', exited))
  const slow = ['--appendonly', 'yes', '--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024']
  const loading = await startServer({ args: [...slow, '--dir', dir], ready: /Server initialized/ })
  return { ...loading, stop: () => loading.stop().then(filled.stop) }
}
