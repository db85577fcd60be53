import { accountId, functionName, headers, newRequestId } from '@weft/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checksumOf, decodeEvent, encodeEvent, unroutable } from './envelope.ts'
import { errorLine, type QueuedEvent } from './event.ts'

const account = accountId('000000000000')
const place = { stream: 'S', streamCreatedAt: '2026-01-01T00:00:00Z', sequence: 7, storedAtMs: 5_000 }
const bytes = (text: string) => new TextEncoder().encode(text)
const event: QueuedEvent = {
  requestId: newRequestId(),
  accountId: account,
  functionName: functionName('f'),
  payload: bytes('{}'),
  acceptedAtMs: 1_000,
  attempt: 1,
  functionErrors: 0,
  backoffs: 0,
  turn: 0,
  notBeforeMs: 0,
}
const decode = (message: ReturnType<typeof encodeEvent>, change: Record<string, string | undefined> = {}) =>
  decodeEvent(account, message.subject, (name) => ({ ...message.headers, ...change })[name], message.payload, place)

describe('trusted messages', () => {
  it('come back as they went in', () => {
    const some = fc.record({
      payload: fc.uint8Array({ maxLength: 50 }),
      attempt: fc.integer({ min: 1, max: 9 }),
      functionErrors: fc.integer({ min: 0, max: 3 }),
      backoffs: fc.integer({ min: 0, max: 99 }),
      turn: fc.integer({ min: 0, max: 99 }),
      notBeforeMs: fc.integer({ min: 0, max: 2 ** 43 }),
      tenantId: fc.stringMatching(/^[a-zA-Z0-9._:/=+\-@ ]{1,20}$/),
    })
    fc.assert(
      fc.property(some, fc.string({ unit: 'grapheme', maxLength: 2_000 }), (change, text) => {
        const original = {
          ...event,
          ...change,
          qualifier: '$LATEST',
          lastError: { code: 200, message: errorLine(text) },
        }
        expect(decode(encodeEvent(original, 'retry'))).toEqual(original)
      }),
    )
  })

  it('with a payload that changed in the store are told by their checksum', () => {
    const message = encodeEvent(event, 'accept')
    const damaged = decode({ ...message, payload: bytes('{"a":1}') })
    expect(damaged).toMatchObject({ requestId: event.requestId, ending: 'ChecksumMismatch' })
    expect(decode(message, { [headers.checksum]: undefined }).ending).toBe('ChecksumMismatch')
  })

  it.each([
    [headers.requestId, undefined],
    [headers.requestId, 'x'],
    [headers.acceptedAt, undefined],
    [headers.attempt, '0'],
    [headers.attempt, 'NaN'],
    [headers.turn, '-1'],
    [headers.notBefore, '1e9'],
    [headers.lastError, 'bm90IGpzb24='],
    [headers.ending, 'constructor'],
    [headers.tenant, '%'],
  ])('with %s = %s become dead letters that name the header', (name, value) => {
    const read = decode(encodeEvent(event, 'retry'), { [name]: value })
    expect(read.ending).toBe('MalformedEvent')
    expect(read.lastError?.message).toContain(name)
    expect(read.requestId).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe("clients' messages", () => {
  const published = (payload: string, subject = `weft.event.${account}.f`, values: Record<string, string> = {}) =>
    decodeEvent(account, subject, (name) => values[name], bytes(payload), place)

  it('carry no headers of the fabric', () => {
    const forged = encodeEvent({ ...event, attempt: 3, ending: 'RetriesExhausted' }, 'retry').headers
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    expect(published('1', undefined, { ...forged, traceparent })).toEqual({
      ...event,
      requestId: published('1').requestId,
      payload: bytes('1'),
      acceptedAtMs: place.storedAtMs,
      traceparent,
    })
  })

  it('name their tenant in their own words', () => {
    expect(published('1', undefined, { [headers.tenantId]: 'a b', [headers.tenant]: 'c' }).tenantId).toBe('a b')
  })

  it('have an id that follows from their place', () => {
    expect(published('1').requestId).toBe(published('2').requestId)
    expect(published('1').requestId).not.toBe(event.requestId)
  })

  it('without data are an empty object', () => {
    expect(published('').payload).toEqual(bytes('{}'))
  })

  it.each(['{', '\u0000', '{"a":1} 2', 'undefined'])('that are not JSON end: %j', (text) => {
    expect(published(text).ending).toBe('MalformedEvent')
  })

  it('that are too large, or on subjects that name no function, end', () => {
    expect(published(`"${'x'.repeat(1_048_576)}"`).lastError?.message).toMatch(/^1048578 byte payload is too large/)
    for (const rest of ['', '.f.g.h', '.a b', '.f.', '.f.no:good'])
      expect(published('1', `weft.event.${account}${rest}`)).toMatchObject({ ending: 'MalformedEvent' })
    expect(published('1', 'weft.event.111111111111.f').ending).toBe('MalformedEvent')
    expect(published('1', `weft.event.${account}.a$b`).functionName).toBe(unroutable)
  })

  it('with unusable trace headers run without them', () => {
    expect(published('1', undefined, { traceparent: 'x', [headers.traceId]: 'a b' })).not.toHaveProperty('traceparent')
  })
})

it('an error line is one line of at most 1 KB', () => {
  expect(errorLine('a\r\nb\u0000c')).toBe('a b c')
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 900, maxLength: 1_500 }), (text) => {
      const line = errorLine(text)
      expect(bytes(line).length).toBeLessThanOrEqual(1_024)
      expect(line).not.toMatch(/[\r\n]/)
    }),
  )
})

it('a checksum is the SHA-256 in hex', () => {
  expect(checksumOf(bytes(''))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})
