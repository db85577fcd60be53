import { createLogger, readConfig } from '@weft/platform'
import { fields } from './config.ts'
import { prepareFabric } from './fabric.ts'
import { writeFiles } from './files.ts'

// First step of a cluster, before its servers: `files`. Second, once they run: `fabric`. Both may be run again.
const log = createLogger('cluster-init')
const step = process.argv[2]
const config = readConfig(fields, process.env)
if (!config.ok) {
  process.stderr.write(`cluster-init: ${config.error.join('; ')}\n`)
  process.exitCode = 1
} else if (step === 'files') await writeFiles(config.value)
else if (step === 'fabric') await prepareFabric(config.value, log)
else {
  process.stderr.write('cluster-init: says which step to take, files or fabric\n')
  process.exitCode = 1
}
