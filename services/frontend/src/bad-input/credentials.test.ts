import { mintSession, type SessionClaims } from '@weft/aws'
import { describe, expect, it } from 'vitest'
import { account, fullAccessRole, otherAccount, otherKeys, type RawRequest } from '../testing/index.ts'
import { functions, invocations, useBadInput } from './harness.ts'

const { refuses, frontend, creation } = useBadInput('credentials')

/** Sessions of one account: a good one of a role that allows everything, and those that must not pass for it. */
function sessions() {
  const mint = (over: Partial<SessionClaims> = {}, secret = 'cluster secret') =>
    mintSession(secret, {
      ...{ accountId: account, roleArn: fullAccessRole, sessionName: 'f', expiresAtMs: Date.now() + 600_000 },
      ...over,
    })
  return {
    good: mint(),
    other: mint({ sessionName: 'g' }),
    expired: mint({ expiresAtMs: Date.now() - 1 }),
    forged: mint({}, 'guessed secret'),
    nobody: mint({ roleArn: `arn:aws:iam::${account}:role/made-up` }),
  }
}

/** The same seal under claims that say another account. */
const widened = (token: string): string => {
  const [claims = '', seal = ''] = token.split('.')
  const other = Buffer.from(claims, 'base64url').toString().replaceAll(account, otherAccount)
  return `${Buffer.from(other).toString('base64url')}.${seal}`
}

describe('another account', () => {
  it('B38: gets at nothing that is not its own', async () => {
    const arn = `arn:aws:lambda:us-east-1:${account}:function:one`
    const named = encodeURIComponent(arn)
    const roles = [`arn:aws:iam::${account}:role/lambda`, fullAccessRole]
    const by = (method: string, path: string, body?: object): RawRequest => ({
      ...{ method, path, keys: otherKeys },
      ...(body && { body: JSON.stringify(body) }),
    })
    await refuses(
      'B38',
      [
        by('POST', `${functions}/${named}/invocations`, {}),
        by('POST', `/2014-11-13/functions/${named}/invoke-async/`, {}),
        by('GET', `${functions}/${named}`),
        by('GET', `${functions}/${named}/configuration`),
        by('PUT', `${functions}/${named}/configuration`, { Timeout: 5 }),
        by('PUT', `${functions}/${named}/code`, { S3Bucket: 'theirs', S3Key: 'k' }),
        by('DELETE', `${functions}/${named}`),
        by('POST', `${functions}/${named}/versions`, {}),
        by('POST', `${functions}/${named}/aliases`, { Name: 'a', FunctionVersion: '1' }),
        by('GET', `${functions}/${named}/policy`),
        by('POST', `${functions}/${named}/policy`, {
          ...{ StatementId: 'me', Action: 'lambda:*', Principal: otherAccount },
        }),
        by('PUT', `/2017-10-31/functions/${named}/concurrency`, { ReservedConcurrentExecutions: 0 }),
        by('PUT', `/2019-09-25/functions/${named}/event-invoke-config`, { MaximumRetryAttempts: 0 }),
        by('POST', `/2021-10-31/functions/${named}/url`, { AuthType: 'NONE' }),
        by('POST', `/2017-03-31/tags/${named}`, { Tags: { a: 'b' } }),
        by('GET', `/2017-03-31/tags/${named}`),
        by('POST', '/2015-03-31/event-source-mappings/', {
          ...{ FunctionName: arn, EventSourceArn: `arn:aws:jetstream:us-east-1:${otherAccount}:stream/S` },
        }),
        ...roles.map((Role) => ({ ...creation({ Role }), keys: otherKeys })),
      ],
      /^AccessDeniedException$/,
    )
  })
})

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
    const made = sessions()
    await refuses(
      'B37',
      [
        { ...call, keys: { ...made.good, accessKeyId: made.other.accessKeyId } },
        { ...call, keys: { ...made.good, secretAccessKey: made.other.secretAccessKey } },
        { ...call, keys: { ...made.good, sessionToken: made.other.sessionToken } },
        { ...call, keys: { accessKeyId: made.good.accessKeyId, secretAccessKey: made.good.secretAccessKey } },
        { ...call, keys: made.expired },
        { ...call, keys: made.forged },
        { ...call, keys: { ...made.good, sessionToken: widened(made.good.sessionToken) } },
        { ...call, keys: { ...made.good, sessionToken: 'x'.repeat(20_000) } },
        { ...call, keys: made.nobody },
      ],
      /^(UnrecognizedClient|InvalidSignature|ExpiredToken|AccessDenied)Exception$/,
    )
    expect(frontend().invoker.calls.every((one) => one.payload.toString() === '{"good":true}')).toBe(true)
  })
})
