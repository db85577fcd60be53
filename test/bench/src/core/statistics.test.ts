import { expect, it } from 'vitest'
import { median, quantile } from './statistics.ts'

it('takes quantiles of sorted numbers', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => n + 1)
  expect(quantile(hundred, 0.5)).toBe(51)
  expect(quantile(hundred, 0.99)).toBe(100)
  expect(quantile([7], 0.99)).toBe(7)
  expect(quantile([], 0.5)).toBeNaN()
})

it('takes medians', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
})
