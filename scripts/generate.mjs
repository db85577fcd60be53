// Regenerates proto/weft/lambda from the API model, and libs/contracts/src/gen from proto/. The output is committed, so
// that a start needs no code generation.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const buf = (...args) => execFileSync('buf', args, { cwd: `${root}/proto`, stdio: 'inherit' })
execFileSync(process.execPath, [`${root}/libs/aws/scripts/generate-proto.mjs`], { stdio: 'inherit' })
buf('lint')
// Messages of the Lambda API are read and written by the API model: no code is made for them.
buf('generate', '--exclude-path', 'weft/lambda')
buf('build', '-o', '../libs/contracts/src/gen/descriptors.binpb')
