// Runs the five lines of the README in many processes against the lab's provider, and prints the share of refusals and of the limit.
//
//   LAB_PROCESSES=50 node scripts/lab.mjs [SECONDS]      the provider's minute is 6 seconds; needs `npm run build`, a server and the lab's Python
//
// The jobs are 1.5 times what the limit allows. Each process has its own connections and its own p99.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { createClient } from 'redis'

import { Limiter } from '../dist/esm/index.js'

const PROCESSES = Number(process.env.LAB_PROCESSES ?? 50)
const MINUTE = 6
const REQUESTS = 150
const seconds = Number(process.argv[2] ?? 18)
const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '../../..')
const python = process.env.REDIS_RL_LAB_PYTHON ?? join(root, '.cache/clients/lab/bin/python')
const module = process.env.REDIS_RL_MODULE ?? join(root, 'target/release/libredis_rl.so')

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

const [redisPort, labPort] = [await freePort(), await freePort()]
const limits = { requests: ['bucket', REQUESTS, 30], input: ['bucket', REQUESTS * 560, REQUESTS * 112], output: ['bucket', REQUESTS * 224, REQUESTS * 45] }
const config = JSON.stringify({ seed: 1, minute: MINUTE, models: { 'claude-sonnet': limits }, end: seconds })
const children = [
  spawn(process.env.REDIS_RL_SERVER ?? 'redis-server', ['--port', redisPort, '--save', '', '--loadmodule', module], { stdio: 'ignore' }),
  spawn(python, [join(root, 'benches/lab/provider.py'), '--port', labPort, '--config', config], { stdio: ['ignore', 'ignore', 'inherit'] })
]
for (const child of children) child.once('exit', (code) => code === null || process.exit(1)) // it could not start
const lab = `http://127.0.0.1:${labPort}`
try {
  const limiter = new Limiter(`redis://127.0.0.1:${redisPort}`)
  const policy = Object.entries(limits).map(([unit, [, limit, capacity]]) => ({
    name: unit,
    limit,
    window: `${MINUTE}s`,
    unit,
    algorithm: 'bucket',
    capacity: capacity - Math.ceil(limit / 100)
  }))
  while (!(await limiter.setPolicy('claude-sonnet', policy).then(() => true, () => false)));
  while (!(await fetch(`${lab}/lab/start`, { method: 'POST' }).catch(() => null)));

  const env = { ...process.env, REDIS_URL: `redis://127.0.0.1:${redisPort}`, LAB_URL: lab, LAB_SECONDS: seconds, LAB_RATE: (1.5 * REQUESTS) / MINUTE / PROCESSES }
  const workers = Array.from({ length: PROCESSES }, (_, at) =>
    spawn(process.execPath, [join(here, 'lab-process.mjs')], { env: { ...env, LAB_PROCESS: at }, stdio: ['pipe', 'pipe', 'inherit'] })
  )
  children.push(...workers)
  await Promise.all(workers.map(({ stdout }) => once(stdout, 'data'))) // each says that it is ready
  const client = await createClient({ url: env.REDIS_URL }).connect()
  await client.flushAll()
  await fetch(`${lab}/lab/start`, { method: 'POST' })
  for (const { stdin } of workers) stdin.write('go\n')
  await new Promise((end) => setTimeout(end, seconds * 1_000))
  const { begin } = await (await fetch(`${lab}/lab/log`)).json()
  const refused = (100 * begin.refused) / begin.requests
  const used = 100 * begin.use['claude-sonnet']
  console.log(`${begin.requests} requests, ${begin.refused} refused (${refused.toFixed(2)} %), ${used.toFixed(1)} % of the limit used`)
  console.log(begin.shares)
} finally {
  for (const child of children) child.kill('SIGKILL')
}
process.exit()
