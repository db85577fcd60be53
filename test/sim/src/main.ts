import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { FixedKeepWarm, type KeepWarmPolicy, LearningKeepWarm } from '@weft/placement'
import { generateTraces, playTraces } from './keep-warm.ts'
import { hunt } from './mutants/hunt.ts'
import { mutants } from './mutants/list.ts'
import { runSeed } from './run.ts'
import { runScale } from './scale.ts'

// npm run sim -- --seeds 1000 --first 1 [--scale 4] [--trace] [--until-failure]
// npm run sim -- --mutants [--seeds 1000]
// npm run sim -- --sandboxes 100000
// npm run sim -- --keep-warm [--first 1]
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    first: { type: 'string', default: '1' },
    scale: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    'until-failure': { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    sandboxes: { type: 'string' },
    'keep-warm': { type: 'boolean', default: false },
  },
})
const first = Number(values.first)
const seeds = Number(values.seeds)
const scale = Number(values.scale)
if (![first, seeds, scale].every((n) => Number.isFinite(n) && n >= 0)) {
  console.error('--seeds, --first and --scale take numbers')
  process.exit(1)
}

if (values.mutants) await huntAll()
else if (values.sandboxes !== undefined) runLarge(Number(values.sandboxes))
else if (values['keep-warm']) compareKeepWarm()
else runSeeds()

function runSeeds(): void {
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
    if (failed > 0 && values['until-failure']) break
  }
  console.log(`${seeds} seeds, ${steps} steps, ${failed} failed`)
  console.table(totals)
  process.exitCode = failed > 0 ? 1 : 0
}

/** Cold starts against memory, for policies of keeping sandboxes that nobody calls. */
function compareKeepWarm(): void {
  const traces = generateTraces(first, 1_000, 7)
  const policies: Record<string, KeepWarmPolicy> = {
    'fixed, 5 min': new FixedKeepWarm(5 * 60_000),
    'fixed, 10 min': new FixedKeepWarm(10 * 60_000),
    'fixed, 60 min': new FixedKeepWarm(60 * 60_000),
    learning: new LearningKeepWarm(),
  }
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
  console.table(
    Object.fromEntries(
      Object.entries(policies).map(([name, policy]) => {
        const report = playTraces(traces, policy)
        const row = {
          'cold calls': percent(report.coldShare),
          'of a function, median': percent(report.medianShare),
          'upper quartile': percent(report.upperShare),
          'sandboxes held idle': Math.round(report.idleSandboxes),
        }
        return [name, row]
      }),
    ),
  )
}

/** A tenth, and then all of the sandboxes: what a decision costs must not grow with them. */
function runLarge(sandboxes: number): void {
  setFlagsFromString('--expose-gc')
  globalThis.gc = runInNewContext('gc') as NodeJS.GCFunction
  const rows = [sandboxes / 10, sandboxes].map((count) => {
    const of = { workers: 50, functions: 1_000, sandboxes: Math.floor(count), turns: 200_000 }
    const { coldPerSecond, warmPerSecond, bytesPerSandbox } = runScale(of)
    return {
      ...{ sandboxes: of.sandboxes, workers: of.workers, functions: of.functions },
      'cold leases/s': Math.round(coldPerSecond),
      'warm leases/s': Math.round(warmPerSecond),
      'bytes/sandbox': Math.round(bytesPerSandbox),
    }
  })
  console.table(rows)
}

/** The protocol broken on purpose, rule by rule: how many seeds it takes to notice. */
async function huntAll(): Promise<void> {
  for (const index of mutants.keys()) {
    const { name, seeds: took, problem } = await hunt(index, seeds)
    const covered = mutants[index]?.coveredBy
    if (took !== undefined) console.log(`seed ${took}: ${name} (${problem})`)
    else if (covered !== undefined) console.log(`not in ${seeds} seeds: ${name} (${covered})`)
    else {
      console.log(`NOT FOUND in ${seeds} seeds: ${name}`)
      process.exitCode = 1
    }
  }
}
