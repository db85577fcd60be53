/**
 * npm run chaos [-- --real] [events] [faults] [seed]: prints the ledger; exit code 1 when an event was lost or ended twice.
 * npm run chaos -- --drain [events]: works a backlog off, and tells rate and memory at its beginning and its end.
 */
import { parseArgs } from 'node:util'
import { seededRandom } from '@weft/kit'
import { drainText, isSteady } from './drain/drain-report.ts'
import { runDrain } from './drain/run-drain.ts'
import * as real from './real/report.ts'
import { runReal } from './real/run-real.ts'
import * as simulated from './report.ts'
import { runChaos } from './run-chaos.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { real: { type: 'boolean', default: false }, drain: { type: 'boolean', default: false } },
})
const [events = values.drain ? '100000' : '20000', faults = '200', seed = '1'] = positionals
const random = seededRandom(Number(seed))
const started = performance.now()
const tell = (line: string): void =>
  console.log(`${((performance.now() - started) / 1_000).toFixed(0).padStart(5)} s  ${line}`)
const options = {
  events: Number(events),
  records: Math.floor(Number(events) / 4),
  faults: Number(faults),
  random: (below: number) => Math.floor(random() * below),
  tell,
}

async function run(): Promise<readonly [text: string, sound: boolean]> {
  if (values.drain) {
    const report = await runDrain({ events: Number(events), tell })
    return [drainText(report), isSteady(report)]
  }
  if (values.real) {
    const report = await runReal(options)
    return [real.reportText(report), real.isSound(report)]
  }
  const report = await runChaos({ ...options, instances: 3 })
  return [simulated.reportText(report), simulated.isSound(report)]
}

const [text, sound] = await run()
console.log(text)
process.exitCode = sound ? 0 : 1
