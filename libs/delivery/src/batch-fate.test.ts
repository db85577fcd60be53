import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { afterInvoke, type BatchFatePolicy, type BatchProgress, newBatch, nextStep, settledUpTo } from './batch-fate.ts'

const policy: BatchFatePolicy = {
  maximumRetryAttempts: 2,
  maximumRecordAgeMs: -1,
  bisect: false,
  backoffMs: { first: 100, most: 1_000 },
}
const young = (): number => 0

/** Runs a batch against a function that fails when `poison` is in the range; the ranges it saw and gave up. */
function play(size: number, poison: (index: number) => boolean, plan: BatchFatePolicy) {
  let progress: BatchProgress = newBatch(size)
  const runs: string[] = []
  const givenUp: string[] = []
  for (let step = 0; step < 10_000; step++) {
    const next = nextStep(progress, young, plan, 0)
    if (next.kind === 'settled') return { runs, givenUp }
    if (next.kind === 'give-up') {
      givenUp.push(`${next.range.from}-${next.range.to}`)
      progress = next.next
      continue
    }
    runs.push(`${next.range.from}-${next.range.to}`)
    const indexes = Array.from({ length: next.range.to - next.range.from }, (_, n) => next.range.from + n)
    const kind = indexes.some(poison) ? 'function-error' : 'succeeded'
    progress = afterInvoke(progress, { kind }, plan).next
  }
  throw new Error('never settled')
}

describe('a batch', () => {
  it('that fails is repeated whole, and given up when its retries are spent', () => {
    expect(play(4, (n) => n === 2, policy)).toEqual({ runs: ['0-4', '0-4', '0-4'], givenUp: ['0-4'] })
  })

  it('with bisect is halved until the poison is alone; splits count for nothing', () => {
    expect(play(4, (n) => n === 2, { ...policy, bisect: true, maximumRetryAttempts: 1 })).toEqual({
      runs: ['0-4', '0-2', '2-4', '2-3', '2-3', '3-4'],
      givenUp: ['2-3'],
    })
  })

  it('that is throttled waits longer and longer and counts nothing', () => {
    let progress = newBatch(2)
    const waits: number[] = []
    for (let n = 0; n < 6; n++) {
      const after = afterInvoke(progress, { kind: 'not-run' }, policy)
      waits.push(after.delayMs)
      progress = after.next
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000])
    expect(progress.ranges).toEqual([{ from: 0, to: 2, failures: 0 }])
  })

  it('that succeeded in part goes on at the first failure', () => {
    const after = afterInvoke(newBatch(5), { kind: 'partly', index: 3 }, policy)
    expect(after.next.ranges).toEqual([{ from: 3, to: 5, failures: 1 }])
    expect(settledUpTo(after.next, 5)).toBe(3)
    const first = afterInvoke(newBatch(5), { kind: 'partly', index: 0 }, policy)
    expect(first.next.ranges).toEqual([{ from: 0, to: 5, failures: 1 }])
  })

  it('gives up what is too old and runs the rest', () => {
    const aged = { ...policy, maximumRecordAgeMs: 60_000 }
    const arrived = (index: number): number => index * 30_000
    const step = nextStep(newBatch(4), arrived, aged, 95_000)
    expect(step).toMatchObject({ kind: 'give-up', condition: 'RecordAgeExceeded', range: { from: 0, to: 2 } })
    if (step.kind !== 'give-up') return
    expect(nextStep(step.next, arrived, aged, 95_000)).toMatchObject({ kind: 'invoke', range: { from: 2, to: 4 } })
  })

  it('without a limit is repeated for ever', () => {
    let progress = newBatch(1)
    for (let n = 0; n < 1_000; n++)
      progress = afterInvoke(progress, { kind: 'function-error' }, { ...policy, maximumRetryAttempts: -1 }).next
    expect(nextStep(progress, young, { ...policy, maximumRetryAttempts: -1 }, 0).kind).toBe('invoke')
  })
})

it('whatever fails: every record succeeds or is given up, in order, and with bisect only the poison is', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 2 }),
      (poisoned, bisect, retries) => {
        const plan = { ...policy, bisect, maximumRetryAttempts: retries }
        const { givenUp } = play(poisoned.length, (n) => poisoned[n] === true, plan)
        const lost = givenUp.flatMap((range) => {
          const [from, to] = range.split('-').map(Number) as [number, number]
          return Array.from({ length: to - from }, (_, n) => from + n)
        })
        const bad = poisoned.flatMap((one, n) => (one ? [n] : []))
        if (bisect) expect(lost).toEqual(bad)
        else expect(lost).toHaveLength(bad.length > 0 ? poisoned.length : 0)
      },
    ),
  )
})
