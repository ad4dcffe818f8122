/** Headers of providers: the fixtures that all languages run, and the copy of the profiles. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { CHARGES } from '../src/llm/costs.js'
import { profile, PROVIDERS } from '../src/profiles/profile.js'
import { readHeaders } from '../src/profiles/read.js'
import { timeMs, type Form } from '../src/profiles/time.js'
import { ROOT } from './support/servers.js'

const FOLDER = join(ROOT, 'crates/profiles/fixtures')

describe('fixtures', () => {
  const files = readdirSync(FOLDER)
  assert.ok(files.length > 5)
  for (const file of files) {
    const cases = JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))
    for (const { name, now_ms, headers, limits, hold_ms } of cases) {
      it(`${file}: ${name}`, () => {
        const said = {
          limits: limits.map((of: any) => ({ names: of.names, remaining: of.remaining, resetMs: of.reset_ms })),
          holdMs: hold_ms
        }
        for (const given of [headers, new Headers(headers)]) {
          const told = readHeaders(profile(file.replace('.json', '')), given, now_ms)
          // The fixtures do not say what the whole limit is.
          assert.deepEqual({ ...told, limits: told.limits.map(({ of, ...left }) => left) }, said)
        }
      })
    }
  }
})

it('reads the whole limit', () => {
  const told = (limit: string) =>
    readHeaders(profile('openai'), { 'x-ratelimit-limit-requests': limit, 'x-ratelimit-remaining-requests': '4' }, 0).limits[0]?.of
  assert.deepEqual([told('60'), told('many'), told('')], [60, null, null])
})

it('each profile charges output in a way that this package knows', () => {
  for (const provider of PROVIDERS) {
    const charged = profile(provider).output?.charged ?? null
    assert.ok(charged === null || CHARGES.includes(charged), `${provider}: ${charged}`)
  }
})

it('an unknown provider is an error', () => {
  assert.throws(() => profile('nobody'), /there is no profile of this name; there are anthropic/)
  assert.throws(() => profile('constructor'), TypeError)
})

/** The texts of crates/profiles/src/time.rs that are no times. */
const NO_TIMES: Record<Form, string[]> = {
  'rfc3339': [
    '',
    '2025',
    '2025-13-01T00:00:00Z',
    '2025-11-31T00:00:00Z',
    '2025-11-29T10:00:00',
    '2025-11-29T10:00:00.Z',
    '2025-11-29T10:00:00+24:00',
    '2025-11-29T10:00:00+1:00',
    '+025-11-29T10:00:00Z',
    '2025-11-29T10:00:00Zx',
    '1969-12-31T00:00:00Z',
    '\u0663025-11-29T10:00:00Z'
  ],
  'go-duration': ['', '5', 'm', '1m1', '-1s', '1.s', '.5s', '1s ', '0s', '1 s', '1e3s'],
  'seconds': ['', '-1', '+1', '1e3', '0x1', '0', '0.0', '1.', '.5', '1,5', '\u0663'],
  'milliseconds': ['', '-1', '0', '1ms'],
  'unix': ['', '-1', '0', '1', 'soon'],
  'seconds-or-date': ['', '-1', '0', 'Sat, 29 Nov 1969 10:00:05 GMT', 'tomorrow']
}

for (const [form, texts] of Object.entries(NO_TIMES)) {
  it(`what is no time is none: ${form}`, () => {
    for (const text of texts) assert.equal(timeMs(form as Form, text, 1e12), null, text)
  })
}

it('an instant is read as Date reads it', () => {
  for (let day = 0; day < 60_000; day += 7) {
    const at = day * 86_400_000 + 3_723_000
    assert.equal(timeMs('rfc3339', new Date(at).toISOString(), at - 5), 5)
    assert.equal(timeMs('seconds-or-date', new Date(at).toUTCString(), at - 5), 5)
  }
})
