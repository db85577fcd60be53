import { parseArgs } from 'node:util'
import { runSeed } from './run.ts'

// node test/sim/src/main.ts --seeds 1000 --first 1 [--scale 4] [--trace]
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    first: { type: 'string', default: '1' },
    scale: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
})
const first = Number(values.first)
const seeds = Number(values.seeds)
const scale = Number(values.scale)
if (![first, seeds, scale].every((n) => Number.isFinite(n) && n >= 0)) {
  console.error('--seeds, --first and --scale take numbers')
  process.exit(1)
}

const totals: Record<string, number> = {}
let steps = 0
let failed = 0
for (let seed = first; seed < first + seeds; seed++) {
  const report = runSeed(seed, scale)
  steps += report.steps
  for (const [kind, count] of Object.entries(report.outcomes)) totals[kind] = (totals[kind] ?? 0) + count
  if (report.problems.length > 0) {
    failed += 1
    console.error(`seed ${seed} failed (replay: --first ${seed} --seeds 1 --scale ${scale} --trace)`)
    for (const problem of report.problems.slice(0, 10)) console.error(`  ${problem}`)
  }
  if (values.trace) for (const line of report.trace) console.log(line)
}
console.log(`${seeds} seeds, ${steps} steps, ${failed} failed`)
console.table(totals)
process.exitCode = failed > 0 ? 1 : 0
