/** Clusters of both client libraries. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'

import { Cluster } from 'ioredis'
import { createClient, createCluster } from 'redis'

import { Limiter } from '../src/index.js'
import { startServer, type Program } from './support/servers.js'

const nodes: Program[] = []

before(async () => {
  for (let at = 0; at < 2; at += 1) nodes.push(await startServer({ args: ['--cluster-enabled', 'yes'] }))
  const clients = await Promise.all(nodes.map(({ url }) => createClient({ url }).connect()))
  await clients[0]!.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '8191'])
  await clients[1]!.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '8192', '16383'])
  await clients[0]!.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(nodes[1]!.port)])
  const isReady = async () => {
    const states = await Promise.all(clients.map((client) => client.sendCommand(['CLUSTER', 'INFO'])))
    return states.every((state) => /cluster_state:ok/.test(String(state)) && /cluster_known_nodes:2/.test(String(state)))
  }
  while (!(await isReady()));
  for (const client of clients) client.destroy()
})
after(() => Promise.all(nodes.map((node) => node.stop())))

/** Asks keys of both nodes, with and without waiting. */
async function ask(limiter: Limiter, prefix: string): Promise<void> {
  for (let at = 0; at < 20; at += 1) assert.equal((await limiter.slide(`${prefix}${at}`, 1, '200ms')).allowed, true)
  const waited = await Promise.all(Array.from({ length: 20 }, (_, at) => limiter.slide(`${prefix}${at}`, 1, '200ms', { wait: '20s' })))
  assert.ok(waited.every(({ allowed }) => allowed), JSON.stringify(waited.find(({ allowed }) => !allowed)))
  const keys = [{ key: `{${prefix}}a`, policy: 'none' }, { key: `{${prefix}}b`, policy: 'none' }]
  for (const ask of [() => limiter.mquota(keys), () => limiter.first(keys), () => limiter.first(keys, { wait: '20s' })]) {
    assert.equal((await ask().catch((error) => error)).name, 'NoPolicy')
  }
}

/** Changes policies, and looks at each node for what it has. */
async function changePolicies(limiter: Limiter, name: string): Promise<void> {
  const looks = nodes.map(({ url }) => new Limiter(url))
  const seen = (look: (one: Limiter) => Promise<unknown>) => Promise.all(looks.map(look))
  const rpm = (limit: number) => [{ name: 'rpm', limit, window: '60s' as const }]
  await limiter.setPolicy(name, rpm(5))
  const limits = (await seen((one) => one.policy(name))) as { limit: number }[][]
  assert.deepEqual(limits.map((policy) => policy?.[0]?.limit), [5, 5])
  await limiter.setOverride(name, `${name}:big`, rpm(9))
  assert.deepEqual(await seen((one) => one.overrides(name)), [[`${name}:big`], [`${name}:big`]])
  // Each node decides by it: these keys are of both.
  for (let at = 0; at < 20; at += 1) assert.equal((await limiter.quota(`${name}:${at}`, name)).limits['rpm']?.remaining, 4)
  await limiter.deleteOverride(name, `${name}:big`)
  assert.deepEqual(await seen((one) => one.overrides(name)), [[], []])
  assert.equal(await limiter.deletePolicy(name), true)
  assert.deepEqual(await seen((one) => one.policy(name)), [null, null])
  await Promise.all(looks.map((one) => one.close()))
}

it('asks a cluster through node-redis', async () => {
  const cluster = createCluster({ rootNodes: nodes.map(({ url }) => ({ url })) })
  await cluster.connect()
  const limiter = new Limiter(cluster)
  await changePolicies(limiter, 'p:node-redis')
  await ask(limiter, 'node-redis').finally(() => limiter.close())
  cluster.destroy()
})

it('asks a cluster through ioredis', async () => {
  const cluster = new Cluster(nodes.map(({ url }) => url))
  const limiter = new Limiter(cluster)
  await changePolicies(limiter, 'p:ioredis') // the client is still connecting
  await ask(limiter, 'ioredis').finally(() => limiter.close())
  cluster.disconnect()
})
