import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StreamPace } from './stream-pace.ts'

const limits = { burstBytes: 6_000, bytesPerSecond: 2_000 }

test('the burst passes at once, what comes after it at the rate', () => {
  const pace = new StreamPace(limits, 0)
  expect(pace.take(6_000, 0)).toBe(0)
  expect(pace.take(1_000, 0)).toBe(500)
  expect(pace.take(1_000, 500)).toBe(500)
})

test('a pause earns no more than a burst', () => {
  const pace = new StreamPace(limits, 0)
  pace.take(6_000, 0)
  expect(pace.take(6_000, 1_000_000)).toBe(0)
  expect(pace.take(2_000, 1_000_000)).toBe(1_000)
})

test('whoever waits as told never sends faster than burst and rate allow', () => {
  const parts = fc.array(fc.record({ bytes: fc.nat(3_000), idleMs: fc.nat(2_000) }), { maxLength: 100 })
  fc.assert(
    fc.property(parts, (sent) => {
      const pace = new StreamPace(limits, 0)
      let now = 0
      let total = 0
      for (const { bytes, idleMs } of sent) {
        now += idleMs
        total += bytes
        now += pace.take(bytes, now)
        expect(total).toBeLessThanOrEqual(limits.burstBytes + (now * limits.bytesPerSecond) / 1_000 + 1e-6)
      }
    }),
  )
})
