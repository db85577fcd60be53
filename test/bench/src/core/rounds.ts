import type { Case, Sample } from './case.ts'
import { median } from './statistics.ts'

export interface Measured {
  readonly id: string
  readonly title: string
  readonly group: Case['group']
  /** One per round, in order of rounds, so that ratios can be taken inside a round. */
  readonly rounds: readonly Sample[]
  readonly median: Sample
}

/**
 * Measures every case once per round. Each round begins with another case, so that a slow minute of the machine, or
 * what one case leaves behind for the next, does not always hit the same one.
 */
export async function runRounds(
  cases: readonly Case[],
  rounds: number,
  progress: (round: number, one: Case) => void,
): Promise<Measured[]> {
  const samples = new Map<string, Sample[]>(cases.map(({ id }) => [id, []]))
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < cases.length; n++) {
      const one = cases[(n + round * Math.ceil(cases.length / rounds)) % cases.length] as Case
      progress(round, one)
      samples.get(one.id)?.push(await one.measure())
    }
  }
  return cases.map(({ id, title, group }) => {
    const of = samples.get(id) ?? []
    return { id, title, group, rounds: of, median: mediansOf(of) }
  })
}

const mediansOf = (samples: readonly Sample[]): Sample =>
  Object.fromEntries(
    Object.keys(samples[0] ?? {}).map((metric) => [metric, median(samples.map((one) => one[metric] ?? Number.NaN))]),
  )
