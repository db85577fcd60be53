import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { bodyOf, clfTime, foldHeaders, joinedQuery } from './request-parts.ts'

test('headers are lower case, repeated ones joined, and cookies apart', () => {
  const raw = ['Accept', 'a', 'X-Two', '1', 'x-two', '2, 3', 'Cookie', 'a=1; b=2', 'cookie', 'c=3;', '__proto__', 'x']
  const { headers, cookies } = foldHeaders(raw)
  expect(Object.entries(headers)).toEqual([
    ['accept', 'a'],
    ['x-two', '1,2, 3'],
    ['__proto__', 'x'],
  ])
  expect(cookies).toEqual(['a=1', 'b=2', 'c=3'])
})

test.each([
  ['', undefined],
  ['a=1&a=2&b=x%20y+z&c', { a: '1,2', b: 'x y z', c: '' }],
  ['a=%zz&=1', { a: '%zz', '': '1' }],
  ['__proto__=1', Object.fromEntries([['__proto__', '1']])],
])('the query %s', (query, expected) => {
  expect(joinedQuery(query)).toEqual(expected)
})

test('any query is read without an exception', () => {
  fc.assert(fc.property(fc.string(), (query) => void joinedQuery(query)))
})

describe('a body', () => {
  it.each([
    ['text/plain', 'ä', 'ä', false],
    ['application/json; charset=utf-8', '{"a":1}', '{"a":1}', false],
    ['application/vnd.api+json', '{}', '{}', false],
    ['application/x-www-form-urlencoded', 'a=b', 'YT1i', true],
    ['application/jsonp', 'x', 'eA==', true],
    ['', 'x', 'eA==', true],
  ])('of type "%s"', (type, body, text, isBase64Encoded) => {
    expect(bodyOf(Buffer.from(body), { 'content-type': type })).toEqual({ body: text, isBase64Encoded })
  })

  it('that is no text though its type says so, or that is packed, comes in base64; none is none', () => {
    expect(bodyOf(Buffer.from([0xff, 0xfe]), { 'content-type': 'text/plain' })).toMatchObject({ isBase64Encoded: true })
    const packed = { 'content-type': 'text/plain', 'content-encoding': 'gzip' }
    expect(bodyOf(Buffer.from('a'), packed)).toMatchObject({ isBase64Encoded: true })
    expect(bodyOf(Buffer.alloc(0), {})).toEqual({ isBase64Encoded: false })
  })

  it('comes back as it was sent, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom('text/html', 'image/png'), (bytes, type) => {
        const { body = '', isBase64Encoded } = bodyOf(Buffer.from(bytes), { 'content-type': type })
        expect(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8').equals(bytes)).toBe(true)
      }),
    )
  })
})

test('the time is as in the common log format', () => {
  expect(clfTime(Date.UTC(2020, 2, 12, 19, 3, 58))).toBe('12/Mar/2020:19:03:58 +0000')
})
