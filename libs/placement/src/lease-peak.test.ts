import { expect, test } from 'vitest'
import { LeasePeak } from './lease-peak.ts'

const minuteMs = 60_000

test('a peak is remembered for half an hour at least, an hour at most', () => {
  const peak = new LeasePeak()
  expect(peak.value(0, 0)).toBe(0)
  peak.note(3, minuteMs)
  peak.note(12, 2 * minuteMs)
  peak.note(1, 3 * minuteMs)
  expect(peak.value(1, 29 * minuteMs)).toBe(12)
  expect(peak.value(0, 59 * minuteMs)).toBe(12)
  expect(peak.value(2, 91 * minuteMs)).toBe(2)
})

test('what is in use now counts without having been noted', () => {
  const peak = new LeasePeak()
  peak.note(2, 0)
  expect(peak.value(5, 200 * minuteMs)).toBe(5)
})
