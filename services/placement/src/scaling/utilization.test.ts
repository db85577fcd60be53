import { expect, it } from 'vitest'
import { Utilization } from './utilization.ts'

const minuteMs = 60_000

it('takes the average, least and most of each full minute', () => {
  const use = new Utilization()
  for (const [atMs, share] of [
    [0, 0.2],
    [20_000, 0.4],
    [59_999, 0.9],
  ] as const)
    expect(use.add(atMs, share)).toBe(false)
  expect(use.minutes).toEqual([])
  expect(use.add(minuteMs, 1)).toBe(true)
  expect(use.minutes).toEqual([{ minute: 0, average: expect.closeTo(0.5), minimum: 0.2, maximum: 0.9 }])
})

it('keeps a quarter of an hour', () => {
  const use = new Utilization()
  for (let minute = 0; minute <= 20; minute++) use.add(minute * minuteMs, minute / 100)
  expect(use.minutes.map(({ minute }) => minute)).toEqual(Array.from({ length: 15 }, (_, n) => n + 5))
})

it('begins anew behind a gap', () => {
  const use = new Utilization()
  for (const minute of [0, 1, 2, 5, 6]) use.add(minute * minuteMs, 0.5)
  expect(use.minutes.map(({ minute }) => minute)).toEqual([5])
})
