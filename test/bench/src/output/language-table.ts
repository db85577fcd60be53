import Table from 'cli-table3'
import type { Sample } from '../core/case.ts'
import type { Measured } from '../core/rounds.ts'
import { median } from '../core/statistics.ts'

/** Calls in each language, and how many times what its bare process takes; undefined when none was measured. */
export function languageTable(measured: readonly Measured[]): string | undefined {
  const byId = new Map(measured.map((one) => [one.id, one.rounds]))
  const names = measured.flatMap(({ id }) => /^language\.(.+)\.cold$/.exec(id)?.[1] ?? [])
  if (names.length === 0) return undefined
  const table = new Table({
    head: ['runtime', 'cold', '/ bare', 'warm', '/ bare'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const name of names) {
    const of = (what: string, metric: string): readonly number[] =>
      (byId.get(`language.${name}.${what}`) ?? []).map((sample: Sample) => sample[metric] ?? Number.NaN)
    const over = (a: readonly number[], b: readonly number[]): string =>
      median(a.map((value, round) => value / (b[round] ?? Number.NaN))).toFixed(2)
    const [cold, warm] = [of('cold', 'p50Ms'), of('warm', 'p50Us')]
    table.push([
      name,
      `${median(cold).toFixed(0)} ms`,
      over(cold, of('bare-cold', 'p50Ms')),
      `${median(warm).toFixed(0)} µs`,
      over(warm, of('bare-warm', 'p50Us')),
    ])
  }
  return table.toString()
}
