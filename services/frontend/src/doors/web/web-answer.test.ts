import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { webAnswer } from './web-answer.ts'

const answer = (value: unknown) => webAnswer(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
const json = { 'content-type': 'application/json' }

describe('what is no response object is the body of a 200', () => {
  it.each(['"Hello, world!"', '{"message":"Hi"}', 'null', '[1]', '17'])('%s', (text) => {
    expect(answer(text)).toEqual({ status: 200, headers: json, cookies: [], body: Buffer.from(text) })
  })
})

test('a response has its status, headers, cookies and body', () => {
  const response = {
    statusCode: 201,
    headers: {
      'Content-Type': 'text/html',
      'X-N': 5,
      'X-B': true,
      'X-None': null,
      'Content-Length': '7',
      connection: 'x',
    },
    cookies: ['a=1; Secure', 'b=2'],
    body: 'aGk=',
    isBase64Encoded: true,
  }
  expect(answer(response)).toEqual({
    status: 201,
    headers: { 'Content-Type': 'text/html', 'X-N': '5', 'X-B': 'true' },
    cookies: ['a=1; Secure', 'b=2'],
    body: Buffer.from('hi'),
  })
})

test('a response without a body or a type is empty JSON', () => {
  expect(answer({ statusCode: '204' })).toEqual({ status: 204, headers: json, cookies: [], body: Buffer.alloc(0) })
})

test.each([
  ['no JSON', 'hello'],
  ['a status that is none', { statusCode: 'ok' }],
  ['a status of no response', { statusCode: 101 }],
  ['a status beyond', { statusCode: 999 }],
  ['a body that is no text', { statusCode: 200, body: { a: 1 } }],
  ['headers that are none', { statusCode: 200, headers: 'a' }],
  ['a header that is a list', { statusCode: 200, headers: { a: ['b'] } }],
  ['a header that would end a header', { statusCode: 200, headers: { a: 'b\r\nc: d' } }],
  ['a header beyond Latin-1', { statusCode: 200, headers: { a: '€' } }],
  ['a name that is none', { statusCode: 200, headers: { 'a b': 'c' } }],
  ['a cookie that would end a header', { statusCode: 200, cookies: ['a\nb'] }],
  ['cookies that are none', { statusCode: 200, cookies: 'a=b' }],
])('%s cannot be sent', (_what, value) => {
  expect(answer(value)).toBeUndefined()
})

test('whatever a function returns, what is sent can be', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (statusCode, headers, body) => {
      const sent = answer({ statusCode, headers, body })
      if (!sent) return
      expect(sent.status).toBeGreaterThanOrEqual(200)
      expect(sent.status).toBeLessThan(600)
      for (const [name, value] of Object.entries(sent.headers)) expect(`${name}${value}`).not.toMatch(/[\r\n\0]/)
    }),
    { examples: [[{ toString: 0 }, {}, '']] },
  )
})
