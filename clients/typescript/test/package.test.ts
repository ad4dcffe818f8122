/** What would be published, in a clean project: the five lines as ESM and as CommonJS, and their types. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'

import { Limiter } from '../src/index.js'
import { startLab } from './support/lab.js'
import { startServer, type Program } from './support/servers.js'

const project = mkdtempSync(join(tmpdir(), 'redis-rl-project-'))
const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
let server: Program
let lab: Program

before(async () => {
  server = await startServer()
  lab = await startLab({ models: { 'claude-sonnet': { requests: ['bucket', 6_000], input: ['bucket', 6e7], output: ['bucket', 6e7] } } })
  await using limiter = new Limiter(server.url)
  await limiter.setPolicy('claude-sonnet', [{ name: 'rpm', limit: 1_000, window: '60s' }])
  execFileSync('npm', ['pack', '--silent', '--pack-destination', project], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [packed] = readdirSync(project).filter((file) => file.endsWith('.tgz'))
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  run('npm', 'install', '--silent', '--no-audit', '--no-fund', `./${packed}`, '@anthropic-ai/sdk', 'typescript', '@types/node@20')
})
after(async () => {
  await lab.stop()
  await server.stop()
  rmSync(project, { recursive: true, force: true })
})

const LINES = () => `
const claude = new Anthropic({ apiKey: 'none', baseURL: '${lab.url}', fetch: limitFetch(new Limiter('${server.url}', { policy: 'claude-sonnet' })), maxRetries: 0 })
claude.messages.create({ model: 'claude-sonnet', max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] }).then((message) => console.log(message.role))
`

/** The number of requests that the policy has counted. */
async function counted(): Promise<number> {
  await using limiter = new Limiter(server.url)
  return ((await limiter.info('claude-sonnet'))?.used as Record<string, number>)['rpm'] ?? 0
}

it('runs as ESM, and the process ends by itself', async () => {
  writeFileSync(join(project, 'lines.mjs'), `import Anthropic from '@anthropic-ai/sdk'\nimport { Limiter, limitFetch } from 'redis-rl'${LINES()}`)
  assert.equal(run('node', 'lines.mjs'), 'assistant\n')
  assert.equal(await counted(), 1)
})

it('runs as CommonJS', async () => {
  writeFileSync(join(project, 'lines.cjs'), `const Anthropic = require('@anthropic-ai/sdk')\nconst { Limiter, limitFetch } = require('redis-rl')${LINES()}`)
  assert.equal(run('node', 'lines.cjs'), 'assistant\n')
  assert.equal(await counted(), 2)
})

it('has types for both, and every entry loads', () => {
  writeFileSync(join(project, 'lines.mts'), `import Anthropic from '@anthropic-ai/sdk'\nimport { Limiter, limitFetch } from 'redis-rl'${LINES()}`)
  writeFileSync(join(project, 'lines.cts'), `import Anthropic from '@anthropic-ai/sdk'\nimport { Limiter, limitFetch } from 'redis-rl'${LINES()}`)
  const flags = ['--strict', '--noEmit', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', '--esModuleInterop']
  run('npx', 'tsc', ...flags, 'lines.mts', 'lines.cts')
  for (const entry of ['ai', 'bullmq', 'express', 'fastify', 'hono', 'next']) {
    run('node', '--input-type=module', '-e', `import * as all from 'redis-rl/${entry}'; if (Object.keys(all).length === 0) process.exit(1)`)
    run('node', '-e', `if (Object.keys(require('redis-rl/${entry}')).length === 0) process.exit(1)`)
  }
})

it('has no dependencies', () => {
  const { dependencies, peerDependencies } = JSON.parse(run('node', '-p', "JSON.stringify(require('redis-rl/package.json'))"))
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined])
})
