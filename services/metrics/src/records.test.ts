import { describe, expect, it } from 'vitest'
import { parseBatch, parseRecord } from './records.ts'

const throttle = {
  type: 'throttle',
  requestId: 'r1',
  accountId: '000000000000',
  functionName: 'hello',
  reason: 'ConcurrentInvocationLimitExceeded',
  atMs: 5,
}

describe('parseRecord', () => {
  it('reads a record and keeps members of a newer writer', () => {
    expect(parseRecord(JSON.stringify({ ...throttle, later: 1 }))).toEqual({ ...throttle, later: 1 })
  })

  it.each([
    ['', ''],
    ['truncated', JSON.stringify(throttle).slice(0, -2)],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '1e400'],
    ['an unknown type', JSON.stringify({ ...throttle, type: 'constructor' })],
    ['another account form', JSON.stringify({ ...throttle, accountId: '../0' })],
    ['a forged function', JSON.stringify({ ...throttle, functionName: 'a.b"\n' })],
    ['a negative time', JSON.stringify({ ...throttle, atMs: -1 })],
    ['a time past all bounds', JSON.stringify({ ...throttle, atMs: 1e300 })],
    ['a time as text', JSON.stringify({ ...throttle, atMs: '5' })],
    ['a missing reason', JSON.stringify({ ...throttle, reason: undefined })],
    ['a line of 1 MB', JSON.stringify({ ...throttle, reason: 'x'.repeat(1_000_000) })],
  ])('refuses %s', (_, line) => {
    expect(parseRecord(line)).toBeUndefined()
  })
})

it('counts the lines of a batch that are no records', () => {
  const batch = parseBatch(`${JSON.stringify(throttle)}\n{\n\n${JSON.stringify(throttle)}\n`)
  expect([batch.records.length, batch.malformed]).toEqual([2, 1])
})
