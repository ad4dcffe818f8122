// Checks the types, builds the tests and runs them. Arguments name tests: node scripts/test.mjs waits scopes

import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'

const root = new URL('..', import.meta.url)
const run = (program, args) => execFileSync(program, args, { cwd: root, stdio: 'inherit' })

rmSync(new URL('build', root), { recursive: true, force: true })
run('node', ['scripts/profiles.mjs', '--check'])
run('npx', ['tsc', '-p', 'tsconfig.json'])
run('npx', ['tsc', '-p', 'tsconfig.test.json'])
const named = process.argv.slice(2).map((name) => `${name}.test.js`)
const files = readdirSync(new URL('build/test', root)).filter((file) => file.endsWith('.test.js'))
const chosen = named.length > 0 ? files.filter((file) => named.includes(file)) : files
run('node', ['--test', '--enable-source-maps', '--test-concurrency=2', ...chosen.map((file) => `build/test/${file}`)])
