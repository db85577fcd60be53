import { expect, it } from 'vitest'
import { RateMeter } from './rate-meter.ts'

const shared = { accountId: '1', functionName: '' }
const reserved = { accountId: '1', functionName: 'f' }

it('lets calls in and tells of them once', () => {
  const meter = new RateMeter()
  for (const pool of [shared, shared, reserved]) expect(meter.spend(pool, 0)).toBe(0)
  expect(meter.take()).toEqual([
    { ...shared, calls: 2 },
    { ...reserved, calls: 1 },
  ])
  expect(meter.take()).toEqual([])
})

it('lets none in of a pool whose rate is used up, for as long as it is told', () => {
  const meter = new RateMeter()
  meter.limited({ ...reserved, forMs: 300 }, 1_000)
  expect(meter.spend(reserved, 1_100)).toBe(200)
  expect(meter.spend(shared, 1_100)).toBe(0)
  expect(meter.spend(reserved, 1_300)).toBe(0)
  expect(meter.take()).toEqual([
    { ...shared, calls: 1 },
    { ...reserved, calls: 1 },
  ])
})
