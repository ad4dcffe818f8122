/** The list that the packages in all languages run: clients/conformance/cases.json. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { Limiter, Unsupported } from '../src/index.js'
import { capturing, capturingHttp, throughResp } from './support/capture.js'
import { LIST, matches, neutral, neutralError, perform, SOME_ARGS, type Case } from './support/conformance.js'
import { freePort, startCoordinator, startServer, TOKEN, type Program } from './support/servers.js'

const list = (name: string): Case[] => {
  const cases = LIST[name] ?? []
  assert.ok(cases.length > 0, `the list has no ${name}`)
  return cases
}

/** The arguments that a reader of replies may need. */
const withArgs = ({ of, args = {} }: Case): Case => ({ ...SOME_ARGS, ...(of === 'sync' && { remaining: undefined }), ...args })

describe('calls', () => {
  for (const { name, call, args, words, http } of list('calls')) {
    it(name, async () => {
      const redis = capturing()
      await perform(redis.limiter, call, args).catch(() => {}) // the reply is none of this call
      assert.deepEqual(redis.words.filter(([command]) => command !== 'PING'), [words])

      const coordinator = capturingHttp()
      const sent = perform(coordinator.limiter, call, args)
      if (http === null) {
        await assert.rejects(sent, Unsupported)
        assert.deepEqual(coordinator.requests, [])
      } else {
        await sent.catch(() => {})
        assert.deepEqual(coordinator.requests, [http])
      }
    })
  }
})

describe('replies', () => {
  for (const said of list('replies')) {
    for (const form of ['resp2', 'resp3', 'http'].filter((form) => form in said)) {
      it(`${said['name']}, ${form}`, async () => {
        const { limiter } = form === 'http' ? capturingHttp(said['http']) : capturing(throughResp(said[form]))
        assert.deepEqual(neutral(await perform(limiter, said['of'], withArgs(said))), said['answer'])
      })
    }
  }
})

describe('errors', () => {
  for (const said of list('errors')) {
    for (const form of ['resp', 'http'].filter((form) => form in said)) {
      it(`${said['name']}, ${form}`, async () => {
        const { limiter } = form === 'http' ? capturingHttp(said['http']) : capturing(new Error(said['resp']))
        const answer: any = await perform(limiter, said['of'], withArgs(said)).catch((thrown: unknown) => thrown)
        const error = answer instanceof Error ? answer : answer.degraded
        assert.deepEqual(neutralError(error), said['error'])
        if (form === 'resp') assert.equal(error.message, said['resp'])
      })
    }
  }
})

describe('failures', () => {
  for (const { name, fail, call, answer, error } of list('failures')) {
    it(name, async () => {
      const limiter = new Limiter(`redis://127.0.0.1:${await freePort()}`, { fail })
      const made = perform(limiter, call, SOME_ARGS)
      if (answer) assert.deepEqual(neutral(await made), answer)
      else assert.deepEqual(neutralError(await made.catch((thrown: unknown) => thrown)), error)
    })
  }
})

describe('sessions', () => {
  let server: Program
  let coordinator: Program
  before(async () => {
    server = await startServer()
    coordinator = await startCoordinator()
  })
  after(async () => {
    await server.stop()
    await coordinator.stop()
  })
  const ways: Record<string, () => Limiter> = {
    resp2: () => new Limiter(server.url),
    resp3: () => new Limiter(`${server.url}?protocol=3`),
    http: () => new Limiter(coordinator.url, { token: TOKEN })
  }
  let sessions = 0

  for (const { name, over, needs, steps } of list('sessions')) {
    for (const way of over as string[]) {
      it(`${name}, ${way}`, async (test) => {
        const limiter = ways[way]!()
        try {
          if (needs && !(await knows(server, needs))) return test.skip(`the server does not know ${needs} yet`)
          await run(limiter, steps, `{c${(sessions += 1)}}:`)
        } finally {
          await limiter.close()
        }
      })
    }
  }
})

async function run(limiter: Limiter, steps: Case[], prefix: string): Promise<void> {
  const prefixed = ({ key, keys, ...args }: Case): Case => ({
    ...args,
    ...(key !== undefined && { key: prefix + key }),
    ...(keys && { keys: keys.map((of: Case) => ({ ...of, key: prefix + of['key'] })) })
  })
  for (const [at, { call, args, answer, error }] of steps.entries()) {
    const found = await perform(limiter, call, prefixed(args)).then(neutral, (thrown) => ({ error: neutralError(thrown) }))
    const said = error ? { error } : answer
    assert.ok(matches(found, said), `step ${at}, ${call}: ${JSON.stringify(found)}, not ${JSON.stringify(said)}`)
  }
}

/** Whether the documentation of RL.SLIDE has a word. */
async function knows({ url }: Program, word: string): Promise<boolean> {
  const { createClient } = await import('redis')
  const client = await createClient({ url }).connect()
  const docs = await client.sendCommand(['COMMAND', 'DOCS', 'RL.SLIDE'])
  client.destroy()
  return JSON.stringify(docs).includes(word)
}
