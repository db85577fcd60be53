import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Batches, type BatchesPolicy, type ReadyBatch } from './batches.ts'
import type { SourceRecord } from './source-record.ts'

const policy: BatchesPolicy = { size: 3, bytes: 100, windowMs: 0, perLane: 1 }
const record = (id: number, eventBytes = 10): SourceRecord => ({
  id: `${id}`,
  json: '',
  eventBytes,
  storedAtMs: id,
  orderKey: '',
  view: { members: {} },
  receiveCount: 1,
  raw: new Uint8Array(),
})
const ids = (batch: ReadyBatch | undefined) => batch?.records.map(({ id }) => Number(id))

describe('batches', () => {
  it('hold what is at hand, up to their size and bytes', () => {
    const batches = new Batches(policy)
    for (const id of [1, 2, 3, 4]) batches.add('a', record(id), 0)
    batches.add('a', record(5, 95), 0)
    const first = batches.take(9, 0)
    expect(ids(first)).toEqual([1, 2, 3])
    expect(batches.take(9, 0)).toBeUndefined()
    if (first) batches.finish(first)
    const second = batches.take(9, 0)
    expect(ids(second)).toEqual([4])
    expect([batches.running, batches.buffered, batches.bufferedBytes]).toEqual([1, 1, 95])
  })

  it('wait for their window unless they are full', () => {
    const batches = new Batches({ ...policy, windowMs: 1_000 })
    batches.add('a', record(1), 500)
    batches.add('a', record(2), 900)
    expect([batches.take(9, 1_499), batches.nextDueAt()]).toEqual([undefined, 1_500])
    batches.add('a', record(3), 1_000)
    expect(ids(batches.take(9, 1_000))).toEqual([1, 2, 3])
  })

  it('of several lanes take turns and keep to the concurrency', () => {
    const batches = new Batches({ ...policy, size: 1 })
    for (const id of [1, 2]) batches.add('a', record(id), 0)
    batches.add('b', record(3), 0)
    const first = batches.take(1, 0)
    expect([ids(first), batches.take(1, 0)]).toEqual([[1], undefined])
    if (first) batches.finish(first)
    expect(ids(batches.take(2, 0))).toEqual([3])
    expect(ids(batches.take(2, 0))).toEqual([2])
  })

  it('do not cross a boundary, and an alarm comes when a lane is empty', () => {
    const batches = new Batches({ ...policy, boundaryOf: ({ storedAtMs }) => Math.floor(storedAtMs / 10) })
    for (const id of [8, 9, 10]) batches.add('a', record(id), 0)
    const first = batches.take(9, 0)
    expect(ids(first)).toEqual([8, 9])
    batches.setAlarm('a', 50)
    if (first) batches.finish(first)
    const second = batches.take(9, 0)
    expect(ids(second)).toEqual([10])
    if (second) batches.finish(second)
    expect([batches.take(9, 49), batches.nextDueAt()]).toEqual([undefined, 50])
    expect(ids(batches.take(9, 50))).toEqual([])
  })

  it('give every record once, in order within its lane, whatever happens when', () => {
    const step = fc.oneof(
      fc.record({ lane: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 1, max: 120 }) }),
      fc.constantFrom('take' as const, 'finish' as const, 'wait' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 0, max: 5 }), (steps, windowMs) => {
        const batches = new Batches({ ...policy, windowMs })
        const running: ReadyBatch[] = []
        const given = new Map<string, number[]>()
        const expected = new Map<string, number[]>()
        let now = 0
        let count = 0
        const take = (): void => {
          const batch = batches.take(2, now)
          if (!batch) return
          expect(running.some(({ lane }) => lane === batch.lane)).toBe(false)
          running.push(batch)
          expect(running.length).toBeLessThanOrEqual(2)
          expect(batch.records.length).toBeLessThanOrEqual(policy.size)
          given.set(batch.lane, [...(given.get(batch.lane) ?? []), ...(ids(batch) ?? [])])
        }
        for (const one of steps) {
          if (one === 'take') take()
          else if (one === 'wait') now++
          else if (one === 'finish') {
            const batch = running.shift()
            if (batch) batches.finish(batch)
          } else {
            batches.add(one.lane, record(++count, one.bytes), now)
            expected.set(one.lane, [...(expected.get(one.lane) ?? []), count])
          }
        }
        now += windowMs
        while (batches.buffered > 0 || running.length > 0) {
          for (const batch of running.splice(0)) batches.finish(batch)
          take()
        }
        expect(given).toEqual(expected)
        expect([batches.running, batches.bufferedBytes]).toEqual([0, 0])
      }),
    )
  })
})
