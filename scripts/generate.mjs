// Regenerates libs/contracts/src/gen from proto/. The output is committed, so that a start needs no code generation.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const cwd = fileURLToPath(new URL('../proto', import.meta.url))
const run = (...args) => execFileSync('buf', args, { cwd, stdio: 'inherit' })
run('lint')
run('generate')
run('build', '-o', '../libs/contracts/src/gen/descriptors.binpb')
