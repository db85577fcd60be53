/** npm run chaos [events] [faults] [seed]: prints the ledger; exit code 1 when an event was lost or ended twice. */
import { seededRandom } from '@weft/kit'
import { isSound, reportText } from './report.ts'
import { runChaos } from './run-chaos.ts'

const [events = '20000', faults = '200', seed = '1'] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const started = Date.now()
const report = await runChaos({
  events: Number(events),
  records: Math.floor(Number(events) / 4),
  faults: Number(faults),
  instances: 3,
  random: (below) => Math.floor(random() * below),
  tell: (line) => console.log(`${((Date.now() - started) / 1_000).toFixed(0).padStart(5)} s  ${line}`),
})
console.log(reportText(report))
process.exitCode = isSound(report) ? 0 : 1
