import { describe, expect, it } from 'vitest'
import type { RawRequest } from '../testing/index.ts'
import { functions, invocations, useBadInput } from './harness.ts'

const { send, refuses, count, frontend } = useBadInput('invocations')

describe('invocations', () => {
  it('B70: sizes', async () => {
    const json6 = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`
    expect((await send({ path: invocations, body: json6(6_291_456) })).status).toBe(200)
    expect(await send({ path: invocations, body: json6(6_291_457) })).toMatchObject({
      status: 413,
      code: 'RequestEntityTooLargeException',
      message: '6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)',
    })
    const event = { path: invocations, headers: { 'x-amz-invocation-type': 'Event' } }
    expect((await send({ ...event, body: json6(1_048_576) })).status).toBe(202)
    expect(await send({ ...event, body: json6(1_048_577) })).toMatchObject({
      status: 413,
      message: '1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)',
    })
    expect(await send({ method: 'PUT', path: `${functions}/one/configuration`, body: json6(1_048_577) })).toMatchObject(
      {
        status: 413,
        message: 'Request must be smaller than 1048576 bytes for the UpdateFunctionConfiguration operation',
      },
    )
    count(3)
  })

  it('B71: payloads that are not JSON', async () => {
    const bodies = [
      'x',
      '{',
      '{"a":1,}',
      'NaN',
      'undefined',
      "{'a':1}",
      '\ufeff{}',
      '{}{}',
      '\0',
      ' ',
      Buffer.from([0xff]),
      Buffer.from('{}', 'utf16le'),
      Buffer.from([0xed, 0xa0, 0x80]),
      '"\n"',
      '01',
      '['.repeat(100_000),
    ]
    await refuses(
      'B71',
      bodies.flatMap((body) => [
        { path: invocations, body },
        { path: invocations, body, headers: { 'x-amz-invocation-type': 'Event' } },
      ]),
      /^InvalidRequestContentException$/,
    )
  })

  it('B72–B74: headers', async () => {
    const withHeader = (name: string, values: readonly string[]): RawRequest[] =>
      values.map((value) => ({ path: invocations, body: '{}', headers: { [name]: value } }))
    await refuses('B72', withHeader('x-amz-invocation-type', ['x', 'event', 'EVENT', 'RequestResponse,Event', '1']))
    await refuses(
      'B73',
      withHeader('x-amz-client-context', [
        'x',
        '%%',
        Buffer.from('no').toString('base64'),
        Buffer.from('[]').toString('base64'),
        'A'.repeat(3_584),
        Buffer.from([0xff]).toString('base64'),
      ]),
    )
    await refuses('B74', withHeader('x-amz-log-type', ['x', 'tail', 'Full']))
    await refuses('B75', withHeader('x-amz-tenant-id', ['a', 'x'.repeat(257), 'a\tb']))
  })

  it('B80: believes no header that only the fabric may set', async () => {
    const requestId = '00000000-0000-4000-8000-000000000000'
    const forged = {
      'x-amzn-requestid': requestId,
      'weft-request-id': requestId,
      'weft-attempt': '9',
      'x-amzn-trace-id': 'x'.repeat(5_000),
    }
    const answer = await send({ path: invocations, body: '{}', headers: forged })
    expect(answer.status).toBe(200)
    const call = frontend().invoker.calls.at(-1)
    expect(call).toMatchObject({ attempt: 1, requestId: answer.headers['x-amzn-requestid'] })
    expect(call?.requestId).not.toBe(requestId)
    expect(call?.traceHeader).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Lineage=[0-9a-f]{8}:1$/)
  })
})
