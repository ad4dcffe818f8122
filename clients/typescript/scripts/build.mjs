// Builds dist/esm and dist/cjs.

import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'

const root = new URL('..', import.meta.url)
rmSync(new URL('dist', root), { recursive: true, force: true })
for (const [kind, type] of [['esm', 'module'], ['cjs', 'commonjs']]) {
  execFileSync('npx', ['tsc', '-p', `tsconfig.${kind}.json`], { cwd: root, stdio: 'inherit' })
  writeFileSync(new URL(`dist/${kind}/package.json`, root), JSON.stringify({ type, sideEffects: false }))
}
