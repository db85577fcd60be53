import { expect, it } from 'vitest'
import { compileFilters } from './record-filter.ts'

const passes = (pattern: unknown, payload: string | Uint8Array, member = 'body', members: object = {}): boolean => {
  const filter = compileFilters([JSON.stringify(pattern)])
  if (!filter.ok) throw new Error(filter.error)
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
  return filter.value.passes({ members: { ...members }, payload: { member, bytes } })
}
const metadata = { messageAttributes: { kind: { stringValue: 'order' } } }
const onMetadata = { messageAttributes: { kind: { stringValue: ['order'] } } }

// The table of the developer guide: format of the message by format of the pattern.
it.each([
  ['text, text', { body: ['hello'] }, 'hello', true],
  ['text, another text', { body: [{ prefix: 'x' }] }, 'hello', false],
  ['text, nothing', onMetadata, 'hello', true],
  ['text, JSON', { body: { a: [1] } }, 'hello', false],
  ['JSON, text', { body: ['{"a":1}'] }, '{"a":1}', false],
  ['JSON, nothing', onMetadata, '{"a":1}', true],
  ['JSON, JSON', { body: { a: [1] } }, '{"a":1}', true],
  ['JSON, JSON and metadata', { body: { a: [1] }, ...onMetadata }, '{"a":1}', true],
  ['either', { $or: [{ body: ['hello'] }, { body: { a: [1] } }] }, '{"a":1}', true],
  ['either', { $or: [{ body: ['hello'] }, { body: { a: [1] } }] }, 'hello', true],
  ['empty', { body: { a: [{ exists: false }] } }, '', false],
])('%s', (_, pattern, payload, expected) => {
  expect(passes(pattern, payload, 'body', metadata)).toBe(expected)
})

it('takes bytes that are no text for neither text nor JSON', () => {
  expect(passes({ data: [{ exists: true }] }, Uint8Array.of(0xff), 'data')).toBe(false)
  expect(passes({ data: { a: [{ exists: false }] } }, Uint8Array.of(0xff), 'data')).toBe(false)
})

it('a record needs to match one of several patterns', () => {
  const filter = compileFilters(['{"eventName":["INSERT"]}', '{"eventName":["REMOVE"]}'])
  expect(
    ['INSERT', 'MODIFY', 'REMOVE'].map((eventName) => filter.ok && filter.value.passes({ members: { eventName } })),
  ).toEqual([true, false, true])
  expect(compileFilters(['{"a":[]}'])).toEqual({ ok: false, error: 'Empty arrays are not allowed' })
})
