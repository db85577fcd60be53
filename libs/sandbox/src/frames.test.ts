import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, encodeInvoke, FrameReader, ProtocolViolation, type RuntimeFrame } from './frames.ts'

test('frames come out as they went in, however the stream is cut', () => {
  const frames = fc.array(fc.record({ type: fc.nat(255), body: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 20 })
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.flatMap(({ type, body }) => encodeFrame(type, body)))
      const reader = new FrameReader(1_000)
      const got: RuntimeFrame[] = []
      let at = 0
      for (let i = 0; at < bytes.length; i++) {
        const next = at + (cuts[i % cuts.length] as number)
        reader.push(bytes.subarray(at, next), (frame) => got.push(frame))
        at = next
      }
      expect(got.map(({ type, body }) => ({ type, body: [...body] }))).toEqual(
        sent.map(({ type, body }) => ({ type, body: [...body] })),
      )
    }),
  )
})

test.each([0, 1_001, 0xffff_ffff])('a frame that announces %d bytes is refused at once', (length) => {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(length)
  expect(() => new FrameReader(1_000).push(head, () => {})).toThrow(ProtocolViolation)
})

test('an invocation carries its header and its payload', () => {
  const [head, length, header, payload] = encodeInvoke(
    { requestId: 'r', deadlineMs: 5, invokedFunctionArn: 'a' },
    Buffer.from('{}'),
  ) as Buffer[]
  expect(head?.[4]).toBe(2)
  expect(length?.readUInt32BE()).toBe(header?.length)
  expect(JSON.parse(`${header}`)).toEqual({ requestId: 'r', deadlineMs: 5, invokedFunctionArn: 'a' })
  expect(`${payload}`).toBe('{}')
})
