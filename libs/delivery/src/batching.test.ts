import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type BatchPolicy, emptyBatch, offer, windowLeftMs } from './batching.ts'

it('closes at its size, before its bytes are exceeded, and when its window ends', () => {
  const policy: BatchPolicy = { size: 3, bytes: 100, windowMs: 1_000 }
  const one = offer(emptyBatch, 60, policy, 5_000)
  if (one.kind !== 'taken') throw new Error('refused')
  expect(one.full).toBe(false)
  expect(windowLeftMs(emptyBatch, policy, 5_000)).toBeUndefined()
  expect(windowLeftMs(one.batch, policy, 5_400)).toBe(600)
  expect(windowLeftMs(one.batch, policy, 9_000)).toBe(0)
  expect(offer(one.batch, 41, policy, 5_100)).toEqual({ kind: 'no-room' })
  expect(offer(one.batch, 40, policy, 5_100)).toMatchObject({ kind: 'taken', full: true })
})

it('takes a record that is too large only alone', () => {
  const policy: BatchPolicy = { size: 3, bytes: 100, windowMs: 0 }
  expect(offer(emptyBatch, 500, policy, 0)).toMatchObject({ kind: 'taken', full: true, batch: { count: 1 } })
})

it('no batch is over size or bytes, and none is closed early', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 100 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 50, max: 200 }),
      (sizes, size, bytes) => {
        const policy = { size, bytes, windowMs: 0 }
        let batch = emptyBatch
        for (const record of sizes) {
          let taken = offer(batch, record, policy, 0)
          if (taken.kind === 'no-room') {
            expect(batch.count === size || batch.bytes + record > bytes).toBe(true)
            taken = offer(emptyBatch, record, policy, 0)
          }
          if (taken.kind !== 'taken') throw new Error('an empty batch refused a record')
          batch = taken.batch
          expect(batch.count).toBeLessThanOrEqual(size)
          expect(batch.bytes).toBeLessThanOrEqual(bytes)
          expect(taken.full).toBe(batch.count === size || batch.bytes === bytes)
        }
      },
    ),
  )
})
