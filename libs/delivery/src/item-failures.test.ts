import { expect, it } from 'vitest'
import { readItemFailures } from './item-failures.ts'

const ids = ['11', '12', '13']
const read = (text: string) => readItemFailures(new TextEncoder().encode(text), ids)

it.each(['', 'null', '{}', '""', '{"batchItemFailures":[]}', '{"batchItemFailures":null}'])('success: %s', (text) => {
  expect(read(text)).toEqual({ kind: 'all-succeeded' })
})

it.each([
  '{',
  '[]',
  '7',
  '{"failures":[]}',
  '{"batchItemFailures":{}}',
  '{"batchItemFailures":[{}]}',
  '{"batchItemFailures":[null]}',
  '{"batchItemFailures":[{"itemIdentifier":""}]}',
  '{"batchItemFailures":[{"itemIdentifier":null}]}',
  '{"batchItemFailures":[{"itemIdentifier":13}]}',
  '{"batchItemFailures":[{"itemIdentifier":"14"}]}',
  '{"batchItemFailures":[{"itemIdentifier":"12"},{"itemIdentifier":"__proto__"}]}',
])('failure of all: %s', (text) => {
  expect(read(text).kind).toBe('all-failed')
})

it('a stream goes on at the lowest failure, whatever the order and however often it is named', () => {
  const failures = ['13', '12', '13'].map((itemIdentifier) => ({ itemIdentifier }))
  expect(read(JSON.stringify({ batchItemFailures: failures }))).toEqual({ kind: 'some', failed: [1, 2] })
})
