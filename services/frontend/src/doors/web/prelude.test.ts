import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Prelude, PreludeReader } from './prelude.ts'

const nul = Buffer.alloc(8)
const text = '{"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"]}'

test('a prelude is read however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (rest, cuts) => {
        const whole = Buffer.concat([Buffer.from(text), nul, rest])
        const reader = new PreludeReader()
        let read: Prelude | 'more' | undefined = 'more'
        let at = 0
        for (let i = 0; read === 'more' && at < whole.length; i++) {
          const next = at + (cuts[i % cuts.length] as number)
          read = reader.push(whole.subarray(at, next))
          at = Math.min(next, whole.length)
        }
        if (read === undefined || read === 'more') throw new Error('not read')
        expect(read.head).toEqual({
          status: 201,
          headers: { 'content-type': 'application/octet-stream', a: 'b' },
          cookies: ['c=d'],
        })
        expect(Buffer.concat([read.rest, whole.subarray(at)]).equals(Buffer.from(rest))).toBe(true)
      },
    ),
  )
})

test.each([
  ['no JSON', Buffer.concat([Buffer.from('hello'), nul])],
  ['no response', Buffer.concat([Buffer.from('{"statusCode":7}'), nul])],
  ['no end', Buffer.alloc(1024 * 1024 + 1, 'x')],
])('%s is no prelude', (_what, bytes) => {
  expect(new PreludeReader().push(bytes)).toBeUndefined()
})

test('status 200 when it gives none', () => {
  expect(new PreludeReader().push(Buffer.concat([Buffer.from('{}'), nul]))).toMatchObject({ head: { status: 200 } })
})
