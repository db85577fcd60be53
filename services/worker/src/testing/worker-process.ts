/**
 * A worker in a process of its own that runs invocations until it is ended: to be killed at any moment. Arguments: driver,
 * data folder, socket of the Docker engine. Prints a line for each invocation that is over; ends cleanly at SIGTERM.
 */
import { createDockerDriver } from '@weft/docker'
import { buildLayer, hostPrograms } from '@weft/kit'
import { silentLogger as log } from '@weft/platform'
import { NamespaceHelper } from '../oci/helper.ts'
import { createOciDriver } from '../oci/oci-driver.ts'
import { createProcessDriver } from '../process-driver.ts'
import { extensionProgram } from './extension-program.ts'
import { TestWorker } from './test-worker.ts'

const [driverName, dataDir = '', socketPath = ''] = process.argv.slice(2)
const makers = {
  oci: () => createOciDriver({ dataDir, log }),
  docker: () => createDockerDriver({ dataDir, socketPath, log, helper: new NamespaceHelper(log) }),
  process: () => createProcessDriver({ dataDir }),
}
const worker = await TestWorker.start(makers[driverName as keyof typeof makers](), dataDir)
// What a worker waits for does not by itself keep a process alive.
const alive = setInterval(() => undefined, 1_000)
let ending = false
process.once('SIGTERM', () => {
  ending = true
})
const code = {
  'index.js': `
    const { spawn } = require('node:child_process'), fs = require('node:fs'), os = require('node:os')
    exports.handler = async (event) => {
      fs.writeFileSync(os.tmpdir() + '/x', 'x'.repeat(10000))
      if (event.turn % 5 === 1) spawn('/bin/sleep', ['3600'], { detached: true, stdio: 'ignore' }).unref()
      if (event.turn % 7 === 3) process.exit(1)
      return event.turn
    }`,
}
// An image whose program ends at once: its sandbox is made and taken away all the same.
const image = [await buildLayer(hostPrograms({ '/bin/sh': '/bin/dash' }))]
const entryPoint = ['/bin/sh', '-c', 'exit 1']
const layers = [worker.layer({ 'extensions/watcher': extensionProgram })]
for (let turn = 0; !ending; ) {
  if (driverName !== 'process') await (await worker.imageEnvironment(image, { entryPoint })).run({})
  const env = await worker.environment(code, turn % 2 === 0 ? {} : { layers })
  for (let run = 0; run < 10 && !ending; run++) {
    await env.run({ turn: turn++ })
    process.stdout.write(`${turn}\n`)
  }
}
await worker[Symbol.asyncDispose]()
clearInterval(alive)
