import { expect, it } from 'vitest'
import { isSteady, type Look, reportOf } from './drain-report.ts'

/** Looks once a second at a drain of a thousand events, so many of them a second. */
function looksAt(perSecond: readonly number[]): Look[] {
  let done = 0
  return perSecond.map((rate, n) => {
    done += rate
    return { atMs: (n + 1) * 1_000, done, residentMb: 100 + n }
  })
}
const live = { first: 80, last: 81 }

it('tells rate and memory of each tenth, also where a look sees several tenths end', () => {
  const report = reportOf(1_000, looksAt([100, 100, 400, 400]), live)
  expect(report.tenths.map(({ perSecond }) => Math.round(perSecond))).toEqual([
    100, 100, 400, 400, 400, 400, 400, 400, 400, 400,
  ])
  expect(report.tenths[0]?.residentMb).toBe(100)
  expect(report).toMatchObject({ seconds: 4, mostMb: 103 })
})

it('is steady as long as the rate stays and nothing more is alive', () => {
  const steady = looksAt(Array(10).fill(100))
  expect(isSteady(reportOf(1_000, steady, live))).toBe(true)
  expect(isSteady(reportOf(1_000, steady, { first: 80, last: 160 }))).toBe(false)
  expect(isSteady(reportOf(1_000, looksAt([100, 100, 200, 200, 200, 100, 25, 25, 25, 25]), live))).toBe(false)
})
