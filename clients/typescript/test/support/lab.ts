/** The provider of benches/lab: a real HTTP server with the limits, headers, refusals and streams of LLM providers. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'

import { freePort, ROOT, type Program } from './servers.js'

/** The Python that has what the lab needs. */
export const PYTHON = process.env['REDIS_RL_LAB_PYTHON'] ?? join(ROOT, '.cache/clients/lab/bin/python')

/** A limit of the provider: its kind, the limit a minute, and for a bucket its capacity. */
export type Meter = readonly ['bucket' | 'sliding' | 'fixed', number, number?]

/** The options of the provider: see benches/lab/provider.py. */
export interface LabOptions {
  readonly models: Readonly<Record<string, Readonly<Record<string, Meter>>>>
  /** The seconds of its minute. */
  readonly minute?: number
  readonly seed?: number
  readonly refused_count?: boolean
  /** The share of requests that are answered 529. */
  readonly overloaded?: number
}

/** Starts the provider. */
export async function startLab(options: LabOptions): Promise<Program> {
  const port = await freePort()
  const limits = (of: Readonly<Record<string, Meter>>) =>
    Object.fromEntries(Object.entries(of).map(([unit, [kind, limit, capacity = null]]) => [unit, [kind, limit, capacity]]))
  const models = Object.fromEntries(Object.entries(options.models).map(([model, of]) => [model, limits(of)]))
  const config = JSON.stringify({ seed: 1, minute: 60, ...options, models })
  const child = spawn(PYTHON, [join(ROOT, 'benches/lab/provider.py'), '--port', String(port), '--config', config], { stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = new Promise<never>((_, reject) => child.once('exit', () => reject(new Error('the provider has ended'))))
  ended.catch(() => {})
  const url = `http://127.0.0.1:${port}`
  const begin = async () => {
    while (!(await fetch(`${url}/lab/start`, { method: 'POST' }).catch(() => null)));
  }
  await Promise.race([begin(), ended])
  const stop = async () => {
    child.kill('SIGKILL')
    await ended.catch(() => {})
  }
  return { url, port, process: child, stop }
}

/** What the provider's own log says. */
export async function labLog({ url }: Program): Promise<{ requests: number; refused_at: number[]; useful_at: number[] }> {
  return (await fetch(`${url}/lab/log`)).json() as never
}
