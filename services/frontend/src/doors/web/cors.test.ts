import { describe, expect, it, test } from 'vitest'
import { corsHeaders, isPreflight, preflightHeaders } from './cors.ts'

const ask = (origin: string, method = 'PUT', headers?: string) => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': method,
    ...(headers !== undefined && { 'access-control-request-headers': headers }),
  },
})
const from = (origin: string) => ({ method: 'GET', headers: { origin } })

test('a preflight is OPTIONS that asks for an origin and a method', () => {
  expect(isPreflight(ask('https://a.example'))).toBe(true)
  expect(isPreflight({ ...ask('https://a.example'), method: 'GET' })).toBe(false)
  expect(isPreflight({ method: 'OPTIONS', headers: { origin: 'https://a.example' } })).toBe(false)
})

describe('a preflight', () => {
  const cors = {
    allowOrigins: ['https://*.example.com', 'http://localhost:3000'],
    allowMethods: ['GET', 'PUT'],
    allowHeaders: ['X-One', 'content-type'],
    maxAgeSeconds: 60,
    allowCredentials: true,
  }

  it('is answered with what is allowed', () => {
    expect(preflightHeaders(cors, ask('https://a.example.com', 'PUT', 'x-one, Content-Type'))).toEqual({
      'access-control-allow-origin': 'https://a.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET,PUT',
      'access-control-allow-headers': 'X-One,content-type',
      'access-control-max-age': '60',
      vary: 'Origin',
    })
  })

  it.each([
    ['another origin', ask('https://example.org')],
    ['an origin that only ends like one', ask('https://evil.example.com.org')],
    ['the host of the pattern alone', ask('https://.example')],
    ['another method', ask('https://a.example.com', 'DELETE')],
    ['another header', ask('https://a.example.com', 'PUT', 'x-two')],
  ])('of %s is answered with nothing that allows it', (_what, request) => {
    expect(preflightHeaders(cors, request)).toEqual({ vary: 'Origin' })
  })

  it('knows stars, and names what was asked for where a star would not count', () => {
    const open = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] }
    expect(preflightHeaders(open, ask('https://x', 'PATCH', 'a,b'))).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': '*',
      'access-control-allow-headers': 'a,b',
    })
    expect(preflightHeaders({ ...open, allowCredentials: true }, ask('https://x', 'PATCH'))).toEqual({
      'access-control-allow-origin': 'https://x',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PATCH',
      vary: 'Origin',
    })
  })
})

test('other answers carry the origin and what is exposed', () => {
  const cors = { allowOrigins: ['https://a*b.example', 'null'], exposeHeaders: ['X-A', 'X-B'] }
  expect(corsHeaders(cors, from('https://axyb.example'))).toEqual({
    'access-control-allow-origin': 'https://axyb.example',
    'access-control-expose-headers': 'X-A,X-B',
    vary: 'Origin',
  })
  expect(corsHeaders(cors, from('null'))).toMatchObject({ 'access-control-allow-origin': 'null' })
  expect(corsHeaders(cors, from('https://ab.exampl'))).toEqual({ vary: 'Origin' })
  expect(corsHeaders(cors, { method: 'GET', headers: {} })).toEqual({ vary: 'Origin' })
  expect(corsHeaders({}, from('https://a'))).toEqual({ vary: 'Origin' })
})
