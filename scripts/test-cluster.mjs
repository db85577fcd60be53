// npm run test:cluster: sets the machine up, Docker included, and runs the tests on a composed cluster.
import { delimiter, join } from 'node:path'
import { nodeBinary, setUp } from './lib/setup.mjs'
import { atTheEdge, foreground, Refusal, root } from './lib/steps.mjs'

await atTheEdge(async () => {
  if (process.getuid?.() !== 0) throw new Refusal('the cluster tests start a Docker engine and need root: use sudo')
  setUp({ docker: true })
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` }
  return foreground(nodeBinary(), [join(root, 'test/cluster/src/run.ts'), ...process.argv.slice(2)], { env })
})
