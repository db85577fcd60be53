// npm run bench: sets the machine up where that is needed and runs the benchmark (test/bench) with the Node of the lock file.
import { delimiter, join } from 'node:path'
import { nodeBinary, setUp } from './lib/setup.mjs'
import { atTheEdge, foreground, root } from './lib/steps.mjs'

await atTheEdge(() => {
  setUp({ peers: true })
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` }
  return foreground(nodeBinary(), [join(root, 'test/bench/src/main.ts'), ...process.argv.slice(2)], { env })
})
