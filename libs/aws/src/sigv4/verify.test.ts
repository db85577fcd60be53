import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { awsError, err, ok } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { claimedService } from './authorization.ts'
import { SigningKeys } from './signing-keys.ts'
import { type SignedRequest, unknownKey, verifySigV4 } from './verify.ts'

class Sha256 {
  readonly #hash
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', toBuffer(key))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(toBuffer(data))
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
  reset(): void {
    throw new Error('not used')
  }
}
const toBuffer = (data: string | ArrayBuffer | ArrayBufferView): Buffer => {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data)
}

const nowMs = Date.UTC(2026, 7, 1, 12)
const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const lookup = (id: string, token?: string) =>
  id === 'AKIDEXAMPLE' || (id === 'ASIAEXAMPLE' && token === 'token')
    ? ok({ secretAccessKey: secret, tenant: 'a' })
    : err(unknownKey)
const options = { region: 'us-east-1', services: ['lambda', 's3'] }

interface Plan {
  readonly method?: string
  readonly path?: string
  readonly query?: Record<string, string | string[]>
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly service?: string
  readonly region?: string
  readonly atMs?: number
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly sessionToken?: string
  readonly presignSeconds?: number
}

async function sign(plan: Plan): Promise<SignedRequest> {
  const service = plan.service ?? 'lambda'
  const signer = new SignatureV4({
    service,
    region: plan.region ?? 'us-east-1',
    sha256: Sha256,
    uriEscapePath: service !== 's3',
    applyChecksum: service === 's3',
    credentials: {
      accessKeyId: plan.accessKeyId ?? 'AKIDEXAMPLE',
      secretAccessKey: plan.secretAccessKey ?? secret,
      ...(plan.sessionToken && { sessionToken: plan.sessionToken }),
    },
  })
  const body = plan.body ?? ''
  const request = {
    protocol: 'http:',
    hostname: 'localhost',
    method: plan.method ?? 'POST',
    path: plan.path ?? '/2015-03-31/functions/f/invocations',
    query: plan.query ?? {},
    headers: { host: 'localhost:9000', ...plan.headers },
    body,
  }
  const signingDate = new Date(plan.atMs ?? nowMs)
  const signed = plan.presignSeconds
    ? await signer.presign(request, { signingDate, expiresIn: plan.presignSeconds })
    : await signer.sign(request, { signingDate })
  const pairs = Object.entries(signed.query ?? {}).flatMap(([name, value]) =>
    [value].flat().map((v) => `${encodeURIComponent(name)}=${encodeURIComponent(v ?? '')}`),
  )
  return {
    method: signed.method,
    rawPath: signed.path,
    rawQuery: pairs.join('&'),
    headers: Object.fromEntries(Object.entries(signed.headers).map(([k, v]) => [k.toLowerCase(), v])),
    body: Buffer.from(body),
  }
}

const verify = (request: SignedRequest) => verifySigV4(request, lookup, nowMs, options)
const refusal = (request: SignedRequest): { code: string; message: string } | undefined => {
  const verified = verify(request)
  return verified.ok ? undefined : verified.error
}

describe('verifySigV4', () => {
  it.each<[string, Plan]>([
    ['a call', { body: '{"a":1}' }],
    ['an empty body', {}],
    [
      'an encoded ARN in the path',
      { path: '/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/invocations' },
    ],
    ['dot segments and a trailing slash', { path: '/2015-03-31/x/../functions/' }],
    ['query members in any order', { query: { Qualifier: '$LATEST', Marker: 'a b+c/=', tagKeys: ['b', 'a'] } }],
    ['headers with spaces', { headers: { 'x-amz-log-type': '  Tail   x ' } }],
    ['a session', { accessKeyId: 'ASIAEXAMPLE', sessionToken: 'token' }],
    ['an S3 key that needs escapes', { service: 's3', path: '/bucket/a%20b%2Bc//d', body: 'x' }],
    ['a presigned call', { method: 'GET', presignSeconds: 60 }],
    [
      'a presigned S3 read',
      {
        method: 'GET',
        service: 's3',
        path: '/bucket/key',
        headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
        presignSeconds: 604_800,
      },
    ],
    ['S3 without a body hash', { service: 's3', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, body: 'x' }],
    ['14 minutes of skew', { atMs: nowMs - 14 * 60_000 }],
  ])('accepts %s', async (_name, plan) => {
    const verified = verify(await sign(plan))
    expect(verified).toMatchObject({ ok: true, value: { owner: { tenant: 'a' }, region: 'us-east-1' } })
  })

  it.each<[string, Plan, string, RegExp]>([
    [
      'an unknown key',
      { accessKeyId: 'AKIDOTHER' },
      'UnrecognizedClientException',
      /^The security token included in the request is invalid\.$/,
    ],
    ['a session key without its token', { accessKeyId: 'ASIAEXAMPLE' }, 'UnrecognizedClientException', /./],
    [
      'a wrong secret',
      { secretAccessKey: 'other' },
      'InvalidSignatureException',
      /^The request signature we calculated does not match/,
    ],
    [
      'an old date',
      { atMs: nowMs - 16 * 60_000 },
      'InvalidSignatureException',
      /^Signature expired: 20260801T114400Z is now earlier than 20260801T114500Z \(20260801T120000Z - 15 min\.\)$/,
    ],
    ['a date ahead', { atMs: nowMs + 16 * 60_000 }, 'InvalidSignatureException', /^Signature not yet current/],
    ['another region', { region: 'eu-west-1' }, 'InvalidSignatureException', /valid region, not 'eu-west-1'/],
    ['another service', { service: 'iam' }, 'InvalidSignatureException', /correct service/],
    [
      'an unsigned payload',
      { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
      'InvalidSignatureException',
      /x-amz-content-sha256/,
    ],
    [
      'a presigned call past its end',
      { atMs: nowMs - 61_000, presignSeconds: 60 },
      'InvalidSignatureException',
      /^Signature expired/,
    ],
  ])('refuses %s', async (_name, plan, code, message) => {
    const problem = refusal(await sign(plan))
    expect(problem?.code).toBe(code)
    expect(problem?.message).toMatch(message)
  })

  it('refuses what was changed after signing', async () => {
    const request = await sign({ body: 'a', headers: { 'x-amz-log-type': 'Tail' }, query: { Qualifier: '1' } })
    const changed: Partial<SignedRequest>[] = [
      { body: Buffer.from('b') },
      { method: 'PUT' },
      { rawPath: '/2015-03-31/functions/g/invocations' },
      { rawQuery: 'Qualifier=2' },
      { rawQuery: '' },
      { headers: { ...request.headers, 'x-amz-log-type': 'None' } },
      { headers: { ...request.headers, 'x-amz-invocation-type': 'Event' } },
      { headers: { ...request.headers, host: 'elsewhere' } },
      { rawQuery: 'Qualifier=%zz' },
    ]
    expect(refusal(request)).toBeUndefined()
    for (const change of changed) expect(refusal({ ...request, ...change })?.code).toBe('InvalidSignatureException')
  })

  it.each<[string | undefined, string]>([
    [undefined, 'MissingAuthenticationTokenException'],
    ['  ', 'MissingAuthenticationTokenException'],
    ['Bearer x', 'IncompleteSignatureException'],
    ['AWS4-HMAC-SHA256', 'IncompleteSignatureException'],
    ['AWS4-HMAC-SHA256 garbage', 'IncompleteSignatureException'],
    ['AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x', 'IncompleteSignatureException'],
    ['AWS4-ECDSA-P256-SHA256 Credential=a/b', 'IncompleteSignatureException'],
    ['AWS4-HMAC-SHA256 Credential=a, Credential=b', 'IncompleteSignatureException'],
    [
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260801/us-east-1/lambda/aws4_request, SignedHeaders=x-amz-date, Signature=x',
      'InvalidSignatureException',
    ],
    [
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260801/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=x',
      'InvalidSignatureException',
    ],
    [
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260801/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=x',
      'InvalidSignatureException',
    ],
    [
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260731/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=x',
      'InvalidSignatureException',
    ],
    [
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260801/us-east-1/lambda/aws5, SignedHeaders=host;x-amz-date, Signature=x',
      'InvalidSignatureException',
    ],
  ])('refuses the header %s', async (authorization, code) => {
    const request = await sign({})
    expect(refusal({ ...request, headers: { ...request.headers, authorization } })?.code).toBe(code)
  })

  it.each(['0', '604801', '-1', 'x'])('refuses a presigned life of %s s', async (expires) => {
    const request = await sign({ method: 'GET', presignSeconds: 60 })
    const rawQuery = request.rawQuery.replace('X-Amz-Expires=60', `X-Amz-Expires=${expires}`)
    expect(refusal({ ...request, rawQuery })?.code).toBe('IncompleteSignatureException')
  })

  it('does not verify against the key of a secret that was replaced', async () => {
    const request = await sign({})
    const signingKeys = new SigningKeys()
    const withSecret = (secretAccessKey: string) =>
      verifySigV4(request, () => ok({ secretAccessKey }), nowMs, { ...options, signingKeys }).ok
    expect([withSecret(secret), withSecret('new'), withSecret(secret)]).toEqual([true, false, true])
  })

  it('hands on what the lookup says', async () => {
    const expired = awsError('ExpiredTokenException', 'over')
    expect(verifySigV4(await sign({}), () => err(expired), nowMs, options)).toEqual(err(expired))
  })

  it('tells the claimed service before anything is verified', async () => {
    expect(claimedService(await sign({}))).toBe('lambda')
    expect(claimedService(await sign({ service: 's3', method: 'GET', presignSeconds: 60 }))).toBe('s3')
    expect(claimedService({ ...(await sign({})), headers: {}, rawQuery: '' })).toBeUndefined()
  })
})
