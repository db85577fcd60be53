import { accountId, type FabricRecord, functionName } from '@weft/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { invocation } from './fixtures.ts'
import { addRecord, durationBoundsMs, emptyRollup, mergeRollups } from './rollup.ts'

const eventEnd = (end: 'succeeded' | 'dead-lettered' | 'aged-out', deadLetterError?: string): FabricRecord => ({
  type: 'event-end',
  requestId: 'r1',
  accountId: accountId('000000000000'),
  functionName: functionName('hello'),
  end,
  condition: 'Success',
  ...(deadLetterError !== undefined && { deadLetterError }),
  attempts: 1,
  acceptedAtMs: 1_000,
  endedAtMs: 4_000,
})

describe('a rollup', () => {
  it('counts runs, errors and what they cost', () => {
    const records = [
      invocation({ durationMs: 1, billedDurationMs: 2_000 }),
      invocation({ durationMs: 30, status: 'timeout', coldStart: true, initDurationMs: 80, billedDurationMs: 110 }),
    ]
    expect(records.reduce(addRecord, emptyRollup)).toMatchObject({
      invocations: 2,
      errors: 1,
      throttles: 0,
      coldStarts: 1,
      duration: { count: 2, sumMs: 31, minMs: 1, maxMs: 30 },
      initDuration: { count: 1, sumMs: 80 },
      billedMs: 2_110,
      billedGbSeconds: 1.055,
      maxMemoryUsedMb: 40,
    })
  })

  it('keeps the last lag of each mapping, whichever record comes first', () => {
    const lag = (requestId: string, lagRecords: number, atMs: number): FabricRecord => ({
      ...{ type: 'offset-lag', accountId: accountId('000000000000'), functionName: functionName('hello') },
      ...{ requestId, lagRecords, atMs },
    })
    const newer = [lag('a', 5, 20), lag('b', 7, 15)].reduce(addRecord, emptyRollup)
    const older = addRecord(emptyRollup, lag('a', 9, 10))
    const both = { a: { records: 5, atMs: 20 }, b: { records: 7, atMs: 15 } }
    expect(mergeRollups(older, newer).offsetLag).toEqual(both)
    expect(mergeRollups(newer, older).offsetLag).toEqual(both)
    expect(mergeRollups(emptyRollup, emptyRollup)).not.toHaveProperty('offsetLag')
  })

  it('counts a refused call as a throttle and not as a run', () => {
    const throttle: FabricRecord = {
      type: 'throttle',
      requestId: 'r1',
      accountId: accountId('000000000000'),
      functionName: functionName('hello'),
      reason: 'ConcurrentInvocationLimitExceeded',
      atMs: 5,
    }
    expect(addRecord(emptyRollup, throttle)).toEqual({ ...emptyRollup, throttles: 1 })
  })

  it('counts events at their end', () => {
    const records = [eventEnd('succeeded'), eventEnd('dead-lettered'), eventEnd('aged-out', 'no such stream')]
    expect(records.reduce(addRecord, emptyRollup)).toMatchObject({
      asyncEventsReceived: 3,
      asyncEventsDropped: 2,
      deadLetterErrors: 1,
      asyncEventAge: { count: 3, sumMs: 9_000 },
    })
  })

  const durations = fc.array(fc.nat(2_000_000), { maxLength: 40 })

  it('puts every run into exactly one bucket, below its bound', () => {
    fc.assert(
      fc.property(durations, (list) => {
        const { duration } = list.map((durationMs) => invocation({ durationMs })).reduce(addRecord, emptyRollup)
        const expected = [...durationBoundsMs, Number.POSITIVE_INFINITY].map(
          (bound, i) => list.filter((d) => d <= bound && (i === 0 || d > (durationBoundsMs[i - 1] ?? 0))).length,
        )
        expect(duration.buckets).toEqual(expected)
        expect(duration.count).toBe(list.length)
      }),
    )
  })

  it('merges to what counting all in one gives', () => {
    fc.assert(
      fc.property(durations, durations, (a, b) => {
        const count = (list: number[]) =>
          list
            .map((durationMs) => invocation({ durationMs, billedDurationMs: durationMs }))
            .reduce(addRecord, emptyRollup)
        const { billedGbSeconds, ...merged } = mergeRollups(count(a), count(b))
        const { billedGbSeconds: whole, ...all } = count([...a, ...b])
        expect(merged).toEqual(all)
        expect(billedGbSeconds).toBeCloseTo(whole, 6)
      }),
    )
  })
})
