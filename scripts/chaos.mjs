// npm run chaos [events] [faults] [seed]: the ledger of events and records under faults (test/chaos).
import { delimiter, join } from 'node:path'
import { nodeBinary, setUp } from './lib/setup.mjs'
import { atTheEdge, foreground, root } from './lib/steps.mjs'

await atTheEdge(() => {
  setUp()
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` }
  return foreground(nodeBinary(), [join(root, 'test/chaos/src/main.ts'), ...process.argv.slice(2)], { env })
})
