// Copies the profiles of providers into this package: crates/profiles/profiles.json becomes src/profiles/data.ts.
// `--check` fails if the copy is stale, and changes nothing.

import { readFileSync, writeFileSync } from 'node:fs'

const source = new URL('../../../crates/profiles/profiles.json', import.meta.url)
const copy = new URL('../src/profiles/data.ts', import.meta.url)

const { profiles } = JSON.parse(readFileSync(source, 'utf8'))
const text = `/** Generated from crates/profiles/profiles.json by scripts/profiles.mjs: change it there. */

export const PROFILES = ${JSON.stringify(profiles, null, 2)} as const
`

if (process.argv.includes('--check')) {
  if (readFileSync(copy, 'utf8') !== text) {
    console.error('src/profiles/data.ts is stale: run node scripts/profiles.mjs')
    process.exit(1)
  }
} else {
  writeFileSync(copy, text)
}
