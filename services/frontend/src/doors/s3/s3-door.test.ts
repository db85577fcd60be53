import { accountId, awsError } from '@weft/contracts'
import { createRole, identityKey, lambdaTrust, putInlinePolicy } from '@weft/policy'
import { MemoryIdentities } from '@weft/policy/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { doorRequest, readBody, sessionPrincipal, testAuthorizer } from '../testing.ts'
import { memoryObjectStore } from './memory-store.ts'
import { silentNotifier } from './notifications/testing.ts'
import { s3Door } from './s3-door.ts'

let door: ReturnType<typeof s3Door>
let identities: MemoryIdentities

const send = async (
  method: string,
  url: string,
  options: { headers?: Record<string, string>; body?: string | Buffer; accountId?: string } = {},
) => {
  const [rawPath = '', rawQuery = ''] = url.split('?')
  const body = Buffer.from(options.body ?? '')
  const response = await door.handle(
    doorRequest({
      method,
      rawPath,
      rawQuery,
      headers: options.headers ?? {},
      body,
      accountId: options.accountId ?? '000000000000',
    }),
  )
  return { status: response.status, headers: response.headers, text: (await readBody(response)).toString() }
}
const codeOf = (text: string) => /<Code>(\w+)<\/Code>/.exec(text)?.[1]

beforeEach(async () => {
  identities = new MemoryIdentities()
  const store = memoryObjectStore(() => Date.UTC(2026, 0, 15))
  door = s3Door({ store, authorizer: testAuthorizer(identities), region: 'us-east-1', notifier: silentNotifier() })
  await send('PUT', '/things')
})

describe('policies', () => {
  const answer = async (method: string, rawPath: string, rawQuery = '') => {
    const principal = sessionPrincipal('000000000000', 'r')
    const response = await door.handle(doorRequest({ method, rawPath, rawQuery, principal }))
    return { status: response.status, text: (await readBody(response)).toString() }
  }
  const allow = async (...statements: object[]) => {
    const trustPolicy = lambdaTrust()
    const role = createRole(
      accountId('000000000000'),
      { name: 'r', path: '/', trustPolicy, tags: [] },
      { nowMs: 0, idSuffix: 'A' },
    )
    const document = JSON.stringify({ Version: '2012-10-17', Statement: statements })
    const allowed = role.ok ? putInlinePolicy(role.value, 'p', document) : role
    if (!allowed.ok) throw new Error(allowed.error.message)
    await identities.store.create(identityKey(accountId('000000000000'), 'role', 'r'), allowed.value)
  }
  const statement = (Action: string, Resource: string) => ({ Effect: 'Allow', Action, Resource })

  it('refuse in the words of S3', async () => {
    const { status, text } = await answer('GET', '/things/a')
    expect(status).toBe(403)
    expect(text).toContain('<Code>AccessDenied</Code>')
    expect(text).toContain(
      'User: arn:aws:sts::000000000000:assumed-role/r/f is not authorized to perform: s3:GetObject on resource: &quot;arn:aws:s3:::things/a&quot; because no identity-based policy allows the s3:GetObject action',
    )
  })

  it('tell of a missing key only whom they let list the bucket', async () => {
    await allow(statement('s3:GetObject', '*'))
    const hidden = await answer('GET', '/things/missing')
    expect(hidden.status).toBe(403)
    expect(hidden.text).toContain('s3:ListBucket on resource: &quot;arn:aws:s3:::things&quot;')
    identities.entries.clear()
    await allow(statement('s3:*', '*'))
    expect(await answer('GET', '/things/missing')).toMatchObject({ status: 404 })
  })

  it('are asked for what is copied, for every key of a batch, and for uploads', async () => {
    await allow(statement('s3:PutObject', '*'), statement('s3:DeleteObject', 'arn:aws:s3:::things/mine/*'))
    await send('PUT', '/things/secret', { body: 'x' })
    const principal = sessionPrincipal('000000000000', 'r')
    const ask = async (method: string, rawPath: string, rawQuery: string, more: object = {}) =>
      (await readBody(await door.handle(doorRequest({ method, rawPath, rawQuery, principal, ...more })))).toString()
    expect(await ask('PUT', '/things/c', '', { headers: { 'x-amz-copy-source': 'things/secret' } })).toContain(
      's3:GetObject',
    )
    const body = Buffer.from('<Delete><Object><Key>secret</Key></Object><Object><Key>mine/a</Key></Object></Delete>')
    const removed = await ask('POST', '/things', 'delete', { body })
    expect(removed).toContain('<Deleted><Key>mine/a</Key></Deleted>')
    expect(removed).toContain('<Error><Key>secret</Key><Code>AccessDenied</Code>')
    expect(await ask('POST', '/things/c', 'uploads')).toContain('<UploadId>')
    expect(await ask('GET', '/things', 'uploads')).toContain('s3:ListBucketMultipartUploads')
    expect(await ask('DELETE', '/things/c', 'uploadId=x')).toContain('s3:AbortMultipartUpload')
  })

  it('are asked for each operation by its own name', async () => {
    await allow(
      statement('s3:GetObject', 'arn:aws:s3:::things/public/*'),
      { ...statement('s3:ListBucket', 'arn:aws:s3:::things'), Condition: { StringLike: { 's3:prefix': 'public/*' } } },
      statement('s3:ListAllMyBuckets', '*'),
    )
    await send('PUT', '/things/public/a', { body: 'A' })
    expect((await answer('GET', '/things/public/a')).text).toBe('A')
    expect((await answer('HEAD', '/things/public/a')).status).toBe(200)
    expect((await answer('GET', '/')).status).toBe(200)
    expect((await answer('GET', '/things', 'list-type=2&prefix=public/a')).status).toBe(200)
    expect((await answer('GET', '/things', 'list-type=2')).status).toBe(403)
    for (const [method, path, query, action] of [
      ['GET', '/things/private/a', '', 'GetObject'],
      ['PUT', '/things/public/a', '', 'PutObject'],
      ['DELETE', '/things/public/a', '', 'DeleteObject'],
      ['PUT', '/more', '', 'CreateBucket'],
      ['DELETE', '/things', '', 'DeleteBucket'],
      ['GET', '/things', 'location', 'GetBucketLocation'],
    ] as const)
      expect((await answer(method, path, query)).text).toContain(`perform: s3:${action} on`)
  })
})

describe('buckets', () => {
  it('are made, listed, looked at and removed', async () => {
    expect((await send('PUT', '/more/')).status).toBe(200)
    expect((await send('PUT', '/more')).status).toBe(200)
    expect((await send('GET', '/')).text).toContain(
      '<Bucket><Name>things</Name><CreationDate>2026-01-15T00:00:00.000Z</CreationDate></Bucket>',
    )
    expect((await send('HEAD', '/more')).status).toBe(200)
    expect((await send('GET', '/more?location')).text).toContain(
      '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>',
    )
    expect((await send('DELETE', '/more')).status).toBe(204)
    expect(codeOf((await send('DELETE', '/more')).text)).toBe('NoSuchBucket')
    expect(await send('HEAD', '/more')).toMatchObject({ status: 404, text: '' })
  })

  it('belong to one account', async () => {
    const theirs = { accountId: '111111111111' }
    await send('PUT', '/things/k', { body: 'ours' })
    expect((await send('GET', '/', theirs)).text).not.toContain('things')
    expect(codeOf((await send('GET', '/things/k', theirs)).text)).toBe('NoSuchBucket')
    expect((await send('PUT', '/things', theirs)).status).toBe(200)
    expect(codeOf((await send('GET', '/things/k', theirs)).text)).toBe('NoSuchKey')
  })

  it('are not removed with objects inside', async () => {
    await send('PUT', '/things/k')
    expect(await send('DELETE', '/things')).toMatchObject({ status: 409 })
  })
})

describe('objects', () => {
  it('come back with their headers', async () => {
    const put = await send('PUT', '/things/a%20b/%C3%BC+', {
      body: 'hello',
      headers: {
        'content-type': 'text/plain',
        'x-amz-meta-who': 'me',
        'content-encoding': 'gzip,aws-chunked',
        authorization: 'secret',
      },
    })
    expect(put.headers.etag).toBe('"5d41402abc4b2a76b9719d911017c592"')
    const got = await send('GET', '/things/a%20b/%C3%BC%2B')
    expect([got.status, got.text]).toEqual([200, 'hello'])
    expect(got.headers).toMatchObject({
      'content-type': 'text/plain',
      'x-amz-meta-who': 'me',
      'content-encoding': 'gzip',
      'last-modified': 'Thu, 15 Jan 2026 00:00:00 GMT',
      'content-length': '5',
    })
    expect(got.headers.authorization).toBeUndefined()
    expect(await send('HEAD', '/things/a%20b/%C3%BC%2B')).toMatchObject({
      status: 200,
      text: '',
      headers: { 'content-length': '5' },
    })
    expect((await send('DELETE', '/things/a%20b/%C3%BC%2B')).status).toBe(204)
    expect((await send('DELETE', '/things/a%20b/%C3%BC%2B')).status).toBe(204)
  })

  it.each([
    ['bytes=0-0', 206, 'h', 'bytes 0-0/5'],
    ['bytes=3-', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=-2', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=2-99', 206, 'llo', 'bytes 2-4/5'],
    ['bytes=5-', 416, undefined, undefined],
    ['bytes=-0', 416, undefined, undefined],
    ['bytes=4-2', 200, 'hello', undefined],
    ['bytes=0-1,3-4', 200, 'hello', undefined],
    ['bytes=x', 200, 'hello', undefined],
  ])('Range %s gives %d', async (range, status, text, contentRange) => {
    await send('PUT', '/things/k', { body: 'hello' })
    const got = await send('GET', '/things/k', { headers: { range } })
    expect(got.status).toBe(status)
    expect(got.headers['content-range']).toBe(contentRange)
    if (text !== undefined) expect(got.text).toBe(text)
  })

  it('are read and written under conditions', async () => {
    const { headers } = await send('PUT', '/things/k', { body: 'hello', headers: { 'if-none-match': '*' } })
    const etag = headers.etag ?? ''
    const put = (extra: Record<string, string>) => send('PUT', '/things/k', { body: 'hello', headers: extra })
    const get = (extra: Record<string, string>) => send('GET', '/things/k', { headers: extra })
    expect((await put({ 'if-none-match': '*' })).status).toBe(412)
    expect((await put({ 'if-match': '"other"' })).status).toBe(412)
    expect((await put({ 'if-match': etag })).status).toBe(200)
    expect((await get({ 'if-none-match': etag })).status).toBe(304)
    expect((await get({ 'if-match': '"other"' })).status).toBe(412)
    expect((await get({ 'if-modified-since': 'Thu, 15 Jan 2026 00:00:00 GMT' })).status).toBe(304)
    expect((await get({ 'if-modified-since': 'Wed, 14 Jan 2026 00:00:00 GMT' })).status).toBe(200)
  })

  it('take the framing of SDKs off and check its trailer', async () => {
    const framed = (sum: string) => `3\r\nhel\r\n2;chunk-signature=ab\r\nlo\r\n0\r\nx-amz-checksum-crc32:${sum}\r\n\r\n`
    const headers = {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': '5',
    }
    const put = (body: string, extra = {}) => send('PUT', '/things/k', { body, headers: { ...headers, ...extra } })
    expect((await put(framed('NhCmhg=='))).status).toBe(200)
    expect((await send('GET', '/things/k')).text).toBe('hello')
    expect(codeOf((await put(framed('AAAAAA=='))).text)).toBe('BadDigest')
    expect(codeOf((await put(framed('short'))).text)).toBe('InvalidDigest')
    expect(codeOf((await put(framed('NhCmhg=='), { 'x-amz-decoded-content-length': '6' })).text)).toBe('IncompleteBody')
  })

  it.each([
    ['content-md5', 'XUFAKrxLKna5cZ2REBfFkg=='],
    ['x-amz-checksum-crc32', 'NhCmhg=='],
    ['x-amz-checksum-crc32c', 'mnG7TA=='],
    ['x-amz-checksum-sha1', 'qvTGHdzF6KLavt4PO0gs2a6pQ00='],
    ['x-amz-checksum-sha256', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='],
  ])('check %s', async (name, value) => {
    expect((await send('PUT', '/things/k', { body: 'hello', headers: { [name]: value } })).status).toBe(200)
    expect(codeOf((await send('PUT', '/things/k', { body: 'hellO', headers: { [name]: value } })).text)).toBe(
      'BadDigest',
    )
  })
})

describe('ListObjectsV2', () => {
  it('lists, rolls up and encodes', async () => {
    for (const key of ['a', 'b%2F1', 'b%2F2', 'c%20%26%3C%2B']) await send('PUT', `/things/${key}`, { body: 'x' })
    const { text } = await send('GET', '/things?list-type=2&delimiter=%2F&encoding-type=url')
    expect(text).toContain('<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>')
    expect(text).toContain('<Key>c%20%26%3C%2B</Key>')
    expect(text).toContain('<KeyCount>3</KeyCount><IsTruncated>false</IsTruncated>')
    expect((await send('GET', '/things?list-type=2&prefix=c')).text).toContain('<Key>c &amp;&lt;+</Key>')
  })

  it('refuses forged tokens and counts', async () => {
    for (const query of ['continuation-token=forged', 'max-keys=-1', 'max-keys=x', 'encoding-type=x'])
      expect(codeOf((await send('GET', `/things?list-type=2&${query}`)).text)).toBe('InvalidArgument')
  })
})

describe('uploads in parts', () => {
  const begin = async (key = '/things/big') =>
    /<UploadId>([0-9a-f-]+)</.exec(
      (await send('POST', `${key}?uploads`, { headers: { 'x-amz-meta-a': 'b' } })).text,
    )?.[1]
  const part = async (id: string | undefined, n: number, body: string) =>
    (await send('PUT', `/things/big?uploadId=${id}&partNumber=${n}`, { body })).headers.etag
  const complete = (id: string | undefined, parts: readonly (readonly [number, string | undefined])[]) => {
    const list = parts.map(([n, etag]) => `<Part><PartNumber>${n}</PartNumber><ETag>${etag}</ETag></Part>`).join('')
    const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list}</CompleteMultipartUpload>`
    return send('POST', `/things/big?uploadId=${id}`, { body })
  }

  it('become an object of the parts that are named, with the ETag of S3', async () => {
    const id = await begin()
    const [one, two] = [await part(id, 1, 'Hello, '), await part(id, 5, 'world')]
    await part(id, 7, 'never used')
    const listed = (await send('GET', `/things/big?uploadId=${id}&max-parts=2`)).text
    expect(listed).toContain('<NextPartNumberMarker>5</NextPartNumberMarker><MaxParts>2</MaxParts><IsTruncated>true')
    expect((await send('GET', '/things?uploads')).text).toContain(`<Upload><Key>big</Key><UploadId>${id}</UploadId>`)
    const done = await complete(id, [
      [1, one],
      [5, two],
    ])
    expect(done.text).toMatch(/<ETag>&quot;[0-9a-f]{32}-2&quot;<\/ETag>/)
    const read = await send('GET', '/things/big')
    expect(read.text).toBe('Hello, world')
    expect(read.headers).toMatchObject({ 'x-amz-meta-a': 'b', etag: expect.stringMatching(/^"[0-9a-f]{32}-2"$/) })
    expect(codeOf((await send('GET', `/things/big?uploadId=${id}`)).text)).toBe('NoSuchUpload')
  })

  it('are refused when their parts are others, in disorder, or no list', async () => {
    const id = await begin()
    const [one, two] = [await part(id, 1, 'a'), await part(id, 2, 'b')]
    const codes = [
      await complete(id, [[1, two]]),
      await complete(id, [[3, one]]),
      await complete(id, [
        [2, two],
        [1, one],
      ]),
      await complete(id, []),
      await send('POST', `/things/big?uploadId=${id}`, { body: 'no xml' }),
      await send('POST', `/things/big?uploadId=${id}`, { body: '<!DOCTYPE x [<!ENTITY a "b">]><x/>' }),
      await send('POST', `/things/other?uploadId=${id}`, {
        body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${one}</ETag></Part></CompleteMultipartUpload>`,
      }),
    ].map(({ text }) => codeOf(text))
    const malformed = 'MalformedXML'
    expect(codes).toEqual([
      'InvalidPart',
      'InvalidPart',
      'InvalidPartOrder',
      malformed,
      malformed,
      malformed,
      'NoSuchUpload',
    ])
    expect((await send('DELETE', `/things/big?uploadId=${id}`)).status).toBe(204)
    expect(codeOf((await complete(id, [[1, one]])).text)).toBe('NoSuchUpload')
  })
})

describe('copies', () => {
  const copy = (to: string, source: string, more: Record<string, string> = {}) =>
    send('PUT', to, { headers: { 'x-amz-copy-source': source, ...more } })

  it('take the bytes and what is known of them, or new headers', async () => {
    await send('PUT', '/things/a%20b', { body: 'text', headers: { 'content-type': 'text/x' } })
    expect((await copy('/things/c', '/things/a%20b')).text).toContain('<CopyObjectResult')
    expect(await send('GET', '/things/c')).toMatchObject({ text: 'text', headers: { 'content-type': 'text/x' } })
    await copy('/things/c', 'things/c', { 'x-amz-metadata-directive': 'REPLACE', 'content-type': 'text/y' })
    expect(await send('GET', '/things/c')).toMatchObject({ text: 'text', headers: { 'content-type': 'text/y' } })
    expect(codeOf((await copy('/things/c', 'things/c')).text)).toBe('InvalidRequest')
    const none = { 'x-amz-copy-source-if-match': '"00"' }
    expect(codeOf((await copy('/things/d', 'things/c', none)).text)).toBe('PreconditionFailed')
  })

  it('are parts of uploads, by ranges', async () => {
    await send('PUT', '/things/a', { body: '0123456789' })
    const id = /<UploadId>([0-9a-f-]+)</.exec((await send('POST', '/things/c?uploads')).text)?.[1]
    const to = `/things/c?uploadId=${id}&partNumber=1`
    expect((await copy(to, 'things/a', { 'x-amz-copy-source-range': 'bytes=2-4' })).text).toContain('<CopyPartResult')
    const parts = (await send('GET', `/things/c?uploadId=${id}`)).text
    expect(parts).toContain('<Size>3</Size>')
    for (const range of ['bytes=8-10', 'bytes=4-2', '2-4', 'bytes=-3'])
      expect(codeOf((await copy(to, 'things/a', { 'x-amz-copy-source-range': range })).text)).toBe('InvalidArgument')
  })
})

describe('DeleteObjects', () => {
  const remove = (body: string, query = 'delete') => send('POST', `/things?${query}`, { body })

  it('removes each key, whether it is there or not', async () => {
    for (const key of ['a', 'b']) await send('PUT', `/things/${key}`, { body: 'x' })
    const { text } = await remove('<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>')
    expect(text).toContain('<Deleted><Key>a</Key></Deleted><Deleted><Key>none</Key></Deleted>')
    expect((await remove('<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>')).text).not.toContain(
      'Deleted',
    )
    expect((await send('GET', '/things?list-type=2')).text).toContain('<KeyCount>0</KeyCount>')
  })

  it('refuses what is no list of keys', async () => {
    const many = '<Object><Key>a</Key></Object>'.repeat(1_001)
    for (const body of ['', '<Delete/>', '<Delete><Object/></Delete>', `<Delete>${many}</Delete>`, '<Other/>'])
      expect(codeOf((await remove(body)).text)).toBe('MalformedXML')
    const version = '<Delete><Object><Key>a</Key><VersionId>1</VersionId></Object></Delete>'
    expect(codeOf((await remove(version)).text)).toBe('InvalidArgument')
  })
})

describe('bad input', () => {
  it.each([
    ['PUT', '/Things', 'InvalidBucketName'],
    ['PUT', '/a.b', 'InvalidBucketName'],
    ['PUT', '/ab', 'InvalidBucketName'],
    ['PUT', `/${'x'.repeat(64)}`, 'InvalidBucketName'],
    ['PUT', '/__proto__', 'InvalidBucketName'],
    ['PUT', '/things%2fk', 'InvalidBucketName'],
    ['PUT', '/a%2A', 'InvalidBucketName'],
    ['GET', '//things/k', 'InvalidBucketName'],
    ['GET', '/things/%zz', 'InvalidURI'],
    ['GET', '/things/%c0%af', 'InvalidURI'],
    ['GET', '/things?%zz', 'InvalidURI'],
    ['PUT', `/things/${'x'.repeat(1_025)}`, 'KeyTooLongError'],
    ['GET', '/things?acl', 'NotImplemented'],
    ['DELETE', '/things/k?tagging', 'NotImplemented'],
    ['GET', '/things/k?uploads', 'MethodNotAllowed'],
    ['PUT', '/things/k?uploadId=x', 'InvalidArgument'],
    ['PUT', '/things/k?uploadId=x&partNumber=10001', 'InvalidArgument'],
    ['PUT', '/things/k?uploadId=x&partNumber=1', 'NoSuchUpload'],
    ['GET', '/things/k?uploadId=x', 'NoSuchUpload'],
    ['DELETE', '/things/k?uploadId=..%2f..', 'NoSuchUpload'],
    ['GET', '/things/k?partNumber=1', 'NotImplemented'],
    ['POST', '/nowhere/k?uploads', 'NoSuchBucket'],
    ['GET', '/nowhere?uploads', 'NoSuchBucket'],
    ['GET', '/things?uploads&max-uploads=x', 'InvalidArgument'],
    ['GET', '/things', 'NotImplemented'],
    ['POST', '/things', 'MethodNotAllowed'],
    ['TRACE', '/things/k', 'MethodNotAllowed'],
    ['PUT', '/', 'MethodNotAllowed'],
    ['GET', '/things/missing', 'NoSuchKey'],
    ['PUT', '/nowhere/k', 'NoSuchBucket'],
    ['DELETE', '/nowhere/k', 'NoSuchBucket'],
  ])('%s %s is %s', async (method, url, code) => {
    expect(codeOf((await send(method, url)).text)).toBe(code)
  })

  it('keeps dots in keys: a key is no path', async () => {
    await send('PUT', '/things/..%2f..%2fsecret', { body: 'x' })
    expect((await send('GET', '/things/../../secret')).text).toBe('x')
    expect((await send('GET', '/things?list-type=2')).text).toContain('<Key>../../secret</Key>')
  })

  it('refuses too much metadata, bad copies and broken framing', async () => {
    const meta = { 'x-amz-meta-a': 'x'.repeat(2_048) }
    expect(codeOf((await send('PUT', '/things/k', { headers: meta })).text)).toBe('MetadataTooLarge')
    for (const [source, code] of [
      ['/things/a', 'NoSuchKey'],
      ['/nowhere/a', 'NoSuchBucket'],
      ['things', 'InvalidArgument'],
      ['/', 'InvalidArgument'],
      ['..%2f../x', 'InvalidArgument'],
      ['things/%zz', 'InvalidArgument'],
      ['things/a?versionId=1', 'InvalidArgument'],
    ] as const) {
      const headers = { 'x-amz-copy-source': source }
      expect(codeOf((await send('PUT', '/things/k', { headers })).text), source).toBe(code)
    }
    const headers = { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' }
    for (const body of [
      '',
      'hello',
      '5\r\nhel',
      '-1\r\n',
      'ffffffffff\r\n',
      '5\r\nhelloXX0\r\n\r\n',
      '0\r\nno trailer',
    ])
      expect(codeOf((await send('PUT', '/things/k', { headers, body })).text)).toBe('IncompleteBody')
  })

  it('tells refusals of the HTTP door in the words of S3', () => {
    const head = doorRequest()
    const refused = (code: Parameters<typeof awsError>[0]) =>
      codeOf(String(door.refuse(awsError(code, 'm'), head).body))
    expect(refused('InvalidSignatureException')).toBe('SignatureDoesNotMatch')
    expect(refused('UnrecognizedClientException')).toBe('InvalidAccessKeyId')
    expect(refused('RequestEntityTooLargeException')).toBe('EntityTooLarge')
    expect(refused('ServiceException')).toBe('InternalError')
  })
})
