/** Quotas: many limits, all or nothing, by a policy that the server keeps. */

import { Limiter } from 'redis-rl'

const url = process.env['REDIS_URL'] ?? 'redis://localhost:6379'
await using limiter = new Limiter(url)
const run = crypto.randomUUID()

// Operators set policies. Callers name them.
await limiter.setPolicy(`org:${run}`, [{ name: 'rpm', limit: 1_000, window: '60s' }])
await limiter.setPolicy(`user:${run}`, [
  { name: 'rpm', limit: 60, window: '60s' },
  { name: 'tpm', limit: 8_000, window: '60s', unit: 'tokens', algorithm: 'bucket', capacity: 4_000 }
])
console.log(await limiter.policy(`user:${run}`), (await limiter.policies()).length)

const { allowed, blocking, limits } = await limiter.quota(`q:${run}`, `user:${run}`, { cost: { tokens: 5_000 } })
console.log(allowed ? 'admitted' : `denied by ${blocking.join(', ')}: ${limits['tpm']?.remaining} are left`)

// Organisation and user at once. The tag in braces puts both keys into one slot of a cluster.
const keys = [
  { key: `{${run}}:org`, policy: `org:${run}` },
  { key: `{${run}}:user`, policy: `user:${run}` }
]
const both = await limiter.mquota(keys, { cost: { tokens: 100 } })
console.log(both.allowed, Object.keys(both.limits))

await limiter.deletePolicy(`org:${run}`)
await limiter.deletePolicy(`user:${run}`)
