/** A model of the Vercel AI SDK within a policy. */

import { createAnthropic } from '@ai-sdk/anthropic'
import { generateText, wrapLanguageModel } from 'ai'
import { Limiter } from 'redis-rl'
import { limitModel } from 'redis-rl/ai'

const limiter = new Limiter(process.env['REDIS_URL'] ?? 'redis://localhost:6379', { policy: 'claude-sonnet' })
const model = wrapLanguageModel({ model: createAnthropic()('claude-sonnet-4-5'), middleware: limitModel(limiter) })

const { text } = await generateText({ model, prompt: 'Say hello.', maxRetries: 0 })
console.log(text)
await limiter.close()
