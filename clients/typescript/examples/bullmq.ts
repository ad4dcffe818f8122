/** Jobs of BullMQ within a policy. A job that is denied goes back to its queue and loses no attempt. */

import { Worker, type Job } from 'bullmq'
import { Limiter } from 'redis-rl'
import { limitProcessor } from 'redis-rl/bullmq'

const limiter = new Limiter(process.env['REDIS_URL'] ?? 'redis://localhost:6379')
const rules = 'claude-sonnet'

const processor = limitProcessor<Job<{ prompt: string }>, string>(
  limiter,
  { key: 'q:claude-sonnet', rules, wait: '5s', priority: 'low', cost: ({ data }) => ({ input: Math.ceil(data.prompt.length / 4), output: 1_024 }) },
  async (job, call) => {
    call.use({ output: 10 }) // what the call really produced
    return `an answer to ${job.data.prompt}`
  }
)
new Worker('prompts', processor, { connection: { host: 'localhost', port: 6_379 }, concurrency: 50 })
