import { EventStreamCodec } from '@smithy/core/event-streams'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeEvent, encodeEventError, encodeEventMessage } from './event-stream.ts'

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString('utf8'),
  (text) => Buffer.from(text),
)
const decode = (message: Uint8Array) => {
  const { headers, body } = codec.decode(message)
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value])),
    body: Buffer.from(body),
  }
}

test("AWS's own codec reads every message as it was written", () => {
  const headers = fc.dictionary(
    fc.stringMatching(/^[a-z:][a-z-]{0,30}$/),
    fc.string({ maxLength: 200, unit: 'grapheme' }),
    {
      maxKeys: 8,
      noNullPrototype: true,
    },
  )
  fc.assert(
    fc.property(headers, fc.uint8Array({ maxLength: 2_000 }), (sent, payload) => {
      const { headers: got, body } = decode(encodeEventMessage(sent, payload))
      expect(got).toEqual(sent)
      expect(body.equals(payload)).toBe(true)
    }),
  )
})

test('events name their member, errors their code', () => {
  expect(decode(encodeEvent('PayloadChunk', 'application/octet-stream', Buffer.from('a')))).toEqual({
    headers: {
      ':message-type': 'event',
      ':event-type': 'PayloadChunk',
      ':content-type': 'application/octet-stream',
    },
    body: Buffer.from('a'),
  })
  expect(decode(encodeEventError('ServiceException', 'lost')).headers).toEqual({
    ':message-type': 'error',
    ':error-code': 'ServiceException',
    ':error-message': 'lost',
  })
})
