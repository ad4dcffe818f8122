// The calls of one process of tests/packages/five_lines.py. It stands beside the five lines in a clean project: no other packages.

import { readFileSync } from 'node:fs'

const MOST_OUTPUT = 1_024

/** Makes one call, says that it is ready, waits for a line, and then takes the jobs [(second, text)] of the file, some at once. */
export async function run(claude) {
  const { warm, at_once: atOnce, jobs } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
  const ask = (content) =>
    claude.messages
      .create({ model: 'claude-sonnet', max_tokens: MOST_OUTPUT, messages: [{ role: 'user', content }] })
      .catch((error) => console.error(`${error.name}: ${error.message}`))
  await ask(warm)
  console.log('ready')
  await new Promise((go) => process.stdin.once('data', go))
  process.stdin.unref()
  const begin = performance.now()
  const waiting = jobs.values()
  const take = async () => {
    for (const [at, text] of waiting) {
      await new Promise((due) => setTimeout(due, Math.max(0, begin + at * 1_000 - performance.now())))
      await ask(text)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, take))
}
