/** All calls of the Anthropic SDK within a policy. */

import Anthropic from '@anthropic-ai/sdk'
import { Limiter, limitFetch } from 'redis-rl'

const limiter = new Limiter(process.env['REDIS_URL'] ?? 'redis://localhost:6379')
const policies = { 'claude-sonnet-4-5': 'claude-sonnet', 'claude-haiku-4-5': 'claude-haiku' }
const claude = new Anthropic({ fetch: limitFetch(limiter, { policy: policies, wait: '60s', priority: 'high' }), maxRetries: 0 })

const message = await claude.messages.create({
  model: 'claude-sonnet-4-5',
  max_tokens: 1_024,
  messages: [{ role: 'user', content: 'Say hello.' }]
})
console.log(message.content)
await limiter.close()
