/** Real servers for tests: a Redis or Valkey server with the module, and rl-coordinator. */

import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { Limiter, type LimiterOptions } from '../../src/index.js'

/** The root of the repository. Tests run in the folder of the package. */
export const ROOT = resolve(process.cwd(), '../..')

const MODULE = process.env['REDIS_RL_MODULE'] ?? join(ROOT, 'target/release/libredis_rl.so')
const SERVER = process.env['REDIS_RL_SERVER'] ?? 'redis-server'
const COORDINATOR = process.env['REDIS_RL_COORDINATOR'] ?? join(ROOT, 'target/debug/rl-coordinator')

/** The token of rl-coordinator in tests. It may change policies. */
export const TOKEN = 'a token for tests'

/** A program under test. */
export interface Program {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
  stop(): Promise<void>
}

/** Returns a port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

/** Starts a server, with the module unless `module` is false. `args` are as on its command line; `ready` is what it then says. */
export async function startServer({ module = true, args = [] as string[], ready = /Ready to accept connections/ } = {}): Promise<Program> {
  if (module && !existsSync(MODULE)) throw new Error(`build the module first, or set REDIS_RL_MODULE: ${MODULE}`)
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'redis-rl-'))
  const load = module ? ['--loadmodule', MODULE] : []
  const child = spawn(SERVER, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir, ...load, ...args])
  return started(child, `redis://127.0.0.1:${port}`, port, ready, () => rmSync(dir, { recursive: true, force: true }))
}

/** Starts a sentinel that watches the primary `main` on a port. */
export async function startSentinel(primary: number): Promise<Program> {
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'redis-rl-sentinel-'))
  const config = join(dir, 'sentinel.conf')
  writeFileSync(config, `port ${port}\ndir ${dir}\nsentinel monitor main 127.0.0.1 ${primary} 1\n`)
  const child = spawn(SERVER, [config, '--sentinel'])
  return started(child, `redis://127.0.0.1:${port}`, port, /monitor master main/, () => rmSync(dir, { recursive: true, force: true }))
}

/** Starts rl-coordinator with limits in memory, or in the Redis server of a URL. */
export async function startCoordinator(redis?: string): Promise<Program> {
  if (!existsSync(COORDINATOR)) throw new Error(`build rl-coordinator first, or set REDIS_RL_COORDINATOR: ${COORDINATOR}`)
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'rl-coordinator-'))
  const config = join(dir, 'config.toml')
  const hash = createHash('sha256').update(TOKEN).digest('hex')
  writeFileSync(config, `[[token]]\nname = "tests"\nsha256 = "${hash}"\npolicies = true\n`)
  const child = spawn(COORDINATOR, ['--config', config, '--listen', `127.0.0.1:${port}`, ...(redis ? ['--redis', redis] : [])])
  return started(child, `http://127.0.0.1:${port}`, port, /listening/i, () => rmSync(dir, { recursive: true, force: true }))
}

/** Resolves when the program has written that it is ready. */
function started(child: ChildProcess, url: string, port: number, ready: RegExp, cleanUp: () => void): Promise<Program> {
  return new Promise((resolve, reject) => {
    let said = ''
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const stop = async () => {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await exited
      cleanUp()
    }
    const read = (chunk: Buffer) => {
      said += chunk
      if (ready.test(said)) resolve({ url, port, process: child, stop })
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`the program has ended: ${said}`)))
  })
}

/** Runs `body` with a limiter, and closes the limiter. */
export async function withLimiter<Result>(url: string, options: LimiterOptions, body: (limiter: Limiter) => Promise<Result>): Promise<Result> {
  const limiter = new Limiter(url, options)
  try {
    return await body(limiter)
  } finally {
    await limiter.close()
  }
}
