// npm start: sets the machine up where that is needed, then runs the fabric.
import { delimiter, join } from 'node:path'
import { nodeBinary, setUp } from './lib/setup.mjs'
import { atTheEdge, foreground, Refusal, root, which } from './lib/steps.mjs'

await atTheEdge(async () => {
  const args = process.argv.slice(2)
  setUp()
  const fabric = [nodeBinary(), join(root, 'deploy/embedded/src/main.ts'), ...args]
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` }
  // Sandboxes are made of namespaces, cgroups and mounts, which only root may create.
  const needsRoot = process.getuid?.() !== 0 && !args.includes('--sandbox=process') && !args.includes('--help')
  if (!needsRoot) return foreground(fabric[0], fabric.slice(1), { env })
  if (!which('sudo'))
    throw new Refusal('sandboxes need root: run as root, install sudo, or pass --sandbox=process (no isolation)')
  return foreground('sudo', ['-E', 'env', `PATH=${env.PATH}`, ...fabric], { env })
})
