/** The fabric at a moment of the drain. */
export interface Look {
  readonly atMs: number
  readonly done: number
  readonly residentMb: number
}

/** A tenth of the events: how many a second, and the memory of the fabric's process, the middle one of its looks. */
export interface Tenth {
  readonly perSecond: number
  readonly residentMb: number
}

export interface DrainReport {
  readonly events: number
  readonly seconds: number
  /** In order; the very first has cold sandboxes in it. */
  readonly tenths: readonly Tenth[]
  readonly mostMb: number
  /** Heap and buffers of the fabric's process after a full collection: after the first tenth and after the last, MB. */
  readonly liveMb: { readonly first: number; readonly last: number }
}

/** By how much what is alive may grow, and how much of the second tenth's rate the last must have at least. */
const drift = { memory: 1.2, rate: 0.6 } as const

export function reportOf(events: number, looks: readonly Look[], liveMb: DrainReport['liveMb']): DrainReport {
  const tenths = Array.from({ length: 10 }, (_, n): Tenth => {
    const [from, to] = [(events * n) / 10, (events * (n + 1)) / 10]
    const part = looks.filter(({ done }) => done > from && done <= to)
    const [start, end] = [timeOf(looks, from), timeOf(looks, to)]
    return { perSecond: ((to - from) / (end - start)) * 1_000, residentMb: middle(part.map((look) => look.residentMb)) }
  })
  return {
    events,
    seconds: (looks.at(-1)?.atMs ?? 0) / 1_000,
    tenths,
    mostMb: Math.max(...looks.map(({ residentMb }) => residentMb)),
    liveMb,
  }
}

/** When so many were done, ms: between two looks as if all had gone at one pace. */
function timeOf(looks: readonly Look[], done: number): number {
  let before: Look = { atMs: 0, done: 0, residentMb: 0 }
  for (const look of looks) {
    if (look.done >= done)
      return look.done === before.done
        ? look.atMs
        : before.atMs + ((done - before.done) / (look.done - before.done)) * (look.atMs - before.atMs)
    before = look
  }
  return before.atMs
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

/** Steady rate, flat memory. Resident memory is told, not judged: it follows the collector, which takes what the machine has. */
export function isSteady({ tenths, liveMb }: DrainReport): boolean {
  const [second, last] = [tenths[1]?.perSecond ?? Number.NaN, tenths.at(-1)?.perSecond ?? Number.NaN]
  return liveMb.last <= liveMb.first * drift.memory && last >= second * drift.rate
}

export const drainText = ({ events, seconds, tenths, mostMb, liveMb }: DrainReport): string =>
  [
    '',
    'tenth  events/s  resident MB',
    ...tenths.map(
      ({ perSecond, residentMb }, n) =>
        `${`${n + 1}`.padStart(5)}  ${perSecond.toFixed(0).padStart(8)}  ${residentMb.toFixed(0).padStart(11)}`,
    ),
    '',
    `${events} events in ${seconds.toFixed(1)} s, ${(events / seconds).toFixed(0)} a second; resident ${mostMb.toFixed(0)} MB at most`,
    `alive after a full collection: ${liveMb.first.toFixed(0)} MB after the first tenth, ${liveMb.last.toFixed(0)} MB at the end`,
    '',
  ].join('\n')
