import { expect, it } from 'vitest'
import { Pace } from './pace.ts'

const half = () => 0.5

it('nothing is left before it is known how fast runs end', () => {
  const pace = new Pace()
  expect(pace.park(0, half)).toBeUndefined()
  for (let n = 0; n < 15; n++) pace.ended(true)
  expect(pace.park(100, half)).toBeUndefined()
  pace.ended(true)
  expect(pace.park(160, half)).toBeCloseTo(260)
})

it('what is left comes back about as fast as runs end', () => {
  const pace = new Pace()
  pace.park(0, half)
  for (let n = 0; n < 200; n++) pace.ended(true)
  const delays = Array.from({ length: 100 }, () => pace.park(2_000, half) ?? Number.NaN)
  const gaps = delays.slice(1).map((delay, n) => delay - (delays[n] as number))
  expect(Math.max(...gaps)).toBeLessThan(11)
  expect(Math.min(...gaps)).toBeGreaterThan(9)
})

it('nothing is left for longer than 15 s, and what would be is spread', () => {
  const pace = new Pace()
  pace.park(0, half)
  for (let n = 0; n < 40; n++) pace.park(5_000, half)
  const delays = [0, 0.5, 0.999].map((one) => pace.park(5_000, () => one) ?? Number.NaN)
  expect(Math.max(...delays)).toBeLessThanOrEqual(15_000)
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(7_500)
  expect(new Set(delays).size).toBe(3)
})

it('a function whose events did not wait is measured anew', () => {
  const pace = new Pace()
  pace.park(0, half)
  pace.ended(false)
  expect(pace.park(3_600_000, half)).toBeUndefined()
  for (let n = 0; n < 20; n++) pace.ended(true)
  expect(pace.park(3_600_100, half)).toBeCloseTo(255)
})

it('nothing is left of a quick function', () => {
  const pace = new Pace()
  pace.park(0, half)
  for (let n = 0; n < 1_000; n++) pace.ended(true)
  expect(pace.park(1_000, half)).toBeUndefined()
})

it('only so many are left at a time', () => {
  const pace = new Pace()
  pace.park(0, half)
  const left = Array.from({ length: 3_000 }, () => pace.park(2_000, half)).filter((delay) => delay !== undefined)
  expect(left).toHaveLength(2_000)
  expect(pace.park(20_000, half)).toBeDefined()
})
