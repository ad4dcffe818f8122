/**
 * Processes that are killed in the middle of their calls: their slots come back at the ttl, and no limit is exceeded.
 * RL_CRASH_PROCESSES (8) is their number.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { it } from 'node:test'

import { Limiter } from '../src/index.js'
import { labLog, startLab } from './support/lab.js'
import { startServer } from './support/servers.js'

const PROCESSES = Number(process.env['RL_CRASH_PROCESSES'] ?? 8)
/** The most ms between two kills. */
const GAP_MS = 200

it('slots of killed processes come back, and the provider refuses nothing', async () => {
  const server = await startServer()
  const lab = await startLab({ models: { claude: { requests: ['bucket', 6_000, 200], input: ['bucket', 1e9], output: ['bucket', 1e9] } } })
  await using limiter = new Limiter(server.url)
  await limiter.setPolicy('model', [
    { name: 'requests', limit: 6_000, window: '60s', algorithm: 'bucket', capacity: 100 },
    { name: 'calls', inflight: 60 }
  ])
  const open = async () => ((await limiter.info('crash'))?.used as Record<string, number> | undefined)?.['calls'] ?? 0

  const env = { ...process.env, REDIS_URL: server.url, LAB_URL: lab.url, KEY: 'crash' }
  const processes = Array.from({ length: PROCESSES }, () => spawn('node', ['build/test/support/caller.js'], { env, stdio: 'inherit' }))
  while ((await open()) < 50); // most slots are taken
  let most = 0
  for (const each of processes) {
    for (const end = performance.now() + Math.random() * GAP_MS; performance.now() < end; ) most = Math.max(most, await open())
    each.kill('SIGKILL')
    await once(each, 'exit')
    most = Math.max(most, await open())
  }
  assert.ok(most > 0 && most <= 60, `${most} calls at a time`)
  // All slots at once are admitted when the last reservation has run out: after its ttl of 1 s.
  const began = performance.now()
  while ((await open()) > 0);
  assert.ok(performance.now() - began < 5_000)
  const { requests, refused_at } = await labLog(lab)
  console.log(`# ${PROCESSES} killed; at most ${most} of 60 calls at once, ${requests} requests`)
  assert.deepEqual(refused_at, [])
  await lab.stop()
  await server.stop()
})
