/** All calls of the OpenAI SDK within a policy: a key for each tenant. */

import OpenAI from 'openai'
import { Limiter, limitFetch } from 'redis-rl'

const limiter = new Limiter(process.env['REDIS_URL'] ?? 'redis://localhost:6379', { policy: 'gpt' })
const clientOf = (tenant: string) => new OpenAI({ fetch: limitFetch(limiter, { key: `gpt:${tenant}` }), maxRetries: 0 })

// With include_usage, the stream tells what it used, and the call is settled at it.
const stream = await clientOf('acme').chat.completions.create({
  model: 'gpt-5',
  stream: true,
  stream_options: { include_usage: true },
  messages: [{ role: 'user', content: 'Say hello.' }]
})
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '')
await limiter.close()
