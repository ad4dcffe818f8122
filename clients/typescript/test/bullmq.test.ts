/** A processor of BullMQ with a limit in front. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'

import { Queue, QueueEvents, Worker, type Job } from 'bullmq'

import { Limiter } from '../src/index.js'
import { limitProcessor, type ProcessorOptions } from '../src/middleware/bullmq.js'
import { startServer, type Program } from './support/servers.js'

let server: Program
let limiter: Limiter
before(async () => {
  server = await startServer()
  limiter = new Limiter(server.url)
})
after(async () => {
  await limiter.close()
  await server.stop()
})

/** Runs jobs through a worker. Returns when each began, and how often it was tried. */
async function run(name: string, count: number, options: ProcessorOptions<Job>): Promise<{ begun: number[]; attempts: number[] }> {
  const connection = { host: '127.0.0.1', port: server.port }
  const queue = new Queue(name, { connection })
  const events = new QueueEvents(name, { connection })
  await events.waitUntilReady()
  const begun: number[] = []
  const processor = limitProcessor<Job, string>(limiter, options, async (_job, call) => {
    begun.push(performance.now())
    call.use({ tokens: 1 })
    return 'done'
  })
  const worker = new Worker(name, processor, { connection, concurrency: 4 })
  const jobs = await Promise.all(Array.from({ length: count }, (_, at) => queue.add('job', { at })))
  await Promise.all(jobs.map((job) => job.waitUntilFinished(events)))
  const attempts = await Promise.all(jobs.map(async ({ id }) => (await queue.getJob(id!))!.attemptsMade))
  await worker.close()
  await events.close()
  await queue.close()
  return { begun, attempts }
}

const RULES = [
  { name: 'jobs', limit: 2, window: '500ms' },
  { name: 'tokens', limit: 100, window: '60s', unit: 'tokens' }
] as const

it('a job that is denied goes back to its queue and loses no attempt', async () => {
  const { begun, attempts } = await run('delayed', 6, { key: 'bull:delayed', rules: RULES, cost: { tokens: 10 } })
  assert.equal(begun.length, 6)
  assert.deepEqual(attempts, [1, 1, 1, 1, 1, 1])
  for (let at = 2; at < 6; at += 1) assert.ok(begun[at]! - begun[at - 2]! > 400, 'at most 2 in 500 ms')
  assert.deepEqual((await limiter.info('bull:delayed'))?.used, { jobs: 2, tokens: 6 }, 'settled at what was used')
})

it('a job may wait in line first', async () => {
  const { begun } = await run('waits', 4, { key: (job) => `bull:${job.name}`, rules: RULES, wait: '20s', priority: 'low' })
  assert.equal(begun.length, 4)
})
