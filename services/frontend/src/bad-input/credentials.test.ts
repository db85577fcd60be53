import { describe, expect, it } from 'vitest'
import { otherKeys, type RawRequest } from '../testing/index.ts'
import { invocations, useBadInput } from './harness.ts'

const { refuses, frontend } = useBadInput('credentials')

describe('authentication', () => {
  const call: RawRequest = { path: invocations, body: '{}' }
  const minutes = 60_000

  it('B29–B37: what is not signed right', async () => {
    const header = (authorization: string | undefined): RawRequest => ({
      ...call,
      tamper: ({ headers }) => {
        const { authorization: _signed, ...rest } = headers
        return { headers: authorization === undefined ? rest : { ...rest, authorization } }
      },
    })
    const replaced = (from: RegExp | string, to: string): RawRequest => ({
      ...call,
      tamper: ({ headers }) => ({
        headers: { ...headers, authorization: (headers.authorization ?? '').replace(from, to) },
      }),
    })
    await refuses(
      'B29',
      [
        undefined,
        '',
        'x',
        'Basic dTpw',
        'Bearer x:y',
        'AWS4-HMAC-SHA256',
        'AWS4-HMAC-SHA256 ,,,',
        'AWS AKID:x',
        'AWS4-HMAC-SHA256 Credential=',
        'AWS4-HMAC-SHA256 Credential=////, SignedHeaders=host, Signature=00',
        `AWS4-HMAC-SHA256 ${'x'.repeat(8_000)}`,
      ].map(header),
      /Missing|Incomplete/,
    )
    await refuses(
      'B30',
      [
        { ...call, atMs: Date.now() - 16 * minutes },
        { ...call, atMs: Date.now() + 16 * minutes },
        { ...call, atMs: 0 },
      ],
      /^InvalidSignatureException$/,
    )
    await refuses('B32', [
      replaced(/SignedHeaders=[^,]+/, 'SignedHeaders=x-amz-date'),
      replaced(/SignedHeaders=[^,]+/, 'SignedHeaders=host'),
      replaced(/SignedHeaders=[^,]+/, 'SignedHeaders=host;x-amz-date;host'),
      replaced(/SignedHeaders=/, 'SignedHeaders=;'),
    ])
    await refuses('B33', [
      { ...call, tamper: ({ headers }) => ({ headers: { ...headers, 'x-amz-invocation-type': 'DryRun' } }) },
    ])
    await refuses(
      'B34',
      [
        { ...call, tamper: () => ({ body: Buffer.from('{ }') }) },
        { ...call, tamper: () => ({ body: Buffer.alloc(0) }) },
        { ...call, headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
        { ...call, headers: { 'x-amz-content-sha256': '0'.repeat(64) } },
        { ...call, headers: { 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' } },
        { ...call, tamper: ({ path }) => ({ path: path.replace('one', 'two') }) },
        { ...call, tamper: ({ path }) => ({ path: `${path}?Qualifier=1` }) },
      ],
      /^InvalidSignatureException$/,
    )
    await refuses('B35', [
      { ...call, service: 's3' },
      { ...call, service: 'ec2' },
      { ...call, region: 'eu-west-1' },
      replaced('/lambda/', '/logs/'),
      replaced('aws4_request', 'aws5_request'),
      replaced(/\/\d{8}\//, '/20200101/'),
    ])
    const scope = (expires: string) =>
      `${invocations}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=${'0'.repeat(64)}&X-Amz-Expires=${expires}`
    await refuses(
      'B36',
      ['0', '691200', '-5', 'x', '', '60'].map((expires) => ({
        path: scope(expires),
        tamper: () => ({ headers: { host: 'localhost' } }),
      })),
    )
    await refuses('B37', [
      { ...call, keys: { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'x' } },
      { ...call, keys: { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'x', sessionToken: 'forged' } },
      { ...call, keys: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x', sessionToken: 'forged.token' } },
      { ...call, keys: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wrong' } },
      { ...call, keys: { accessKeyId: 'AKIDUNKNOWN', secretAccessKey: 'x' } },
      { ...call, keys: { accessKeyId: '__proto__', secretAccessKey: 'x' } },
      { ...call, keys: otherKeys },
    ])
    expect(frontend().invoker.calls.every((one) => one.payload.toString() === '{"good":true}')).toBe(true)
  })
})
