import { expect, test } from 'vitest'
import { fromRuntime, ProtocolViolation } from './frames.ts'
import { readMessage } from './runtime-messages.ts'

const id = '00000000-0000-4000-8000-000000000001'

test('frames of a runtime become messages', () => {
  const answer = Buffer.concat([Buffer.from(id), Buffer.from('{}')])
  const read = (type: number, body = Buffer.alloc(0)) => readMessage({ type, body })
  expect(read(fromRuntime.hello)).toEqual({ kind: 'hello' })
  expect(read(fromRuntime.ready)).toEqual({ kind: 'ready' })
  expect(read(fromRuntime.response, answer)).toEqual({ kind: 'response', requestId: id, payload: Buffer.from('{}') })
  expect(read(fromRuntime.error, answer)).toMatchObject({ kind: 'error', requestId: id, fatal: false })
  expect(read(fromRuntime.fatal, answer)).toMatchObject({ kind: 'error', requestId: id, fatal: true })
  expect(read(fromRuntime.log, Buffer.concat([Buffer.alloc(8), Buffer.from('line')]))).toEqual({
    kind: 'log',
    message: 'line',
  })
})

test('a streamed answer comes in frames of its own', () => {
  const read = (type: number, rest: string) => readMessage({ type, body: Buffer.from(`${id}${rest}`) })
  expect(read(fromRuntime.begin, 'text/html')).toEqual({ kind: 'begin', requestId: id, contentType: 'text/html' })
  expect(read(fromRuntime.begin, 'a\r\nSet-Cookie: b')).toMatchObject({ contentType: 'application/octet-stream' })
  expect(read(fromRuntime.chunk, 'abc')).toEqual({ kind: 'chunk', requestId: id, payload: Buffer.from('abc') })
  expect(read(fromRuntime.end, '')).toEqual({ kind: 'end', requestId: id })
})

test.each([
  ['an unknown type', 99, 'x'],
  ['a type of the host', 1, '{}'],
  ['an answer without an id', fromRuntime.response, 'short'],
  ['a part without an id', fromRuntime.chunk, 'short'],
  ['too large a part', fromRuntime.chunk, id + 'x'.repeat(64 * 1024 + 1)],
  ['a log line without a time', fromRuntime.log, 'short'],
])('%s breaks the protocol', (_, type, body) => {
  expect(() => readMessage({ type, body: Buffer.from(body) })).toThrow(ProtocolViolation)
})
