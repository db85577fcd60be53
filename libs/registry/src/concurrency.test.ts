import type { FunctionRecord } from '@weft/contracts'
import { expect, it } from 'vitest'
import { releaseConcurrency, reserveConcurrency, unreservedConcurrency } from './concurrency.ts'

const record = (functionName: string, reservedConcurrency?: number) =>
  ({ functionName, ...(reservedConcurrency !== undefined && { reservedConcurrency }) }) as FunctionRecord

it('leaves 100 of the account to the functions without a reservation', () => {
  const all = [record('a', 500), record('b')]
  const reserve = (wanted: number, of = record('b')) => reserveConcurrency(of, wanted, 1_000, all)
  expect(unreservedConcurrency(1_000, all)).toBe(500)
  expect(reserve(400)).toEqual({ ok: true, value: record('b', 400) })
  expect(reserve(401)).toMatchObject({ error: { code: 'InvalidParameterValueException' } })
  // Its own earlier reservation does not count against a function.
  expect(reserve(900, record('a', 500)).ok).toBe(true)
})

it('always lets a function be stopped', () => {
  expect(reserveConcurrency(record('a'), 0, 10, []).ok).toBe(true)
  expect(reserveConcurrency(record('a'), 1, 10, []).ok).toBe(false)
  expect(releaseConcurrency(record('a', 0))).toEqual(record('a'))
})
