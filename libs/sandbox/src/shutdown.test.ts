import { expect, test } from 'vitest'
import { shutdownBudget } from './shutdown.ts'

test('nothing without extensions, 500 ms with internal ones, 2 s with an external one of which the runtime has 30 %', () => {
  expect(shutdownBudget([])).toEqual({ totalMs: 0, runtimeMs: 0 })
  expect(shutdownBudget([{ external: false }])).toEqual({ totalMs: 500, runtimeMs: 500 })
  expect(shutdownBudget([{ external: false }, { external: true }])).toEqual({ totalMs: 2_000, runtimeMs: 600 })
})
