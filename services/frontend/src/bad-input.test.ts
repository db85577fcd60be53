import { streamArn } from '@weft/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawZipEntry, rawZip } from './raw-zip.ts'
import {
  account,
  otherAccount,
  otherKeys,
  type RawRequest,
  type RawResponse,
  rawRequest,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from './testing.ts'

let frontend: TestFrontend
let good: { readonly [member: string]: unknown }
let tried = 0

const functions = '/2015-03-31/functions'
const invocations = `${functions}/one/invocations`
const send = (request: RawRequest): Promise<RawResponse> => rawRequest(frontend.endpoint, request)
const json = (value: unknown): string => JSON.stringify(value)

beforeAll(async () => {
  frontend = await startTestFrontend()
  good = {
    FunctionName: 'fresh',
    Runtime: 'nodejs24.x',
    Role: role,
    Handler: 'index.handler',
    Code: { ZipFile: (await zipOf()).toString('base64') },
  }
  expect((await send({ path: functions, body: json({ ...good, FunctionName: 'one' }) })).status).toBe(201)
})
afterAll(async () => {
  console.info(`bad inputs tried: ${tried}`)
  await frontend[Symbol.asyncDispose]()
})

/** A clear refusal: a 4xx with a code and a message; and the next good request works. */
async function refuses(family: string, requests: readonly RawRequest[], code?: RegExp): Promise<void> {
  const wrong: string[] = []
  for (const request of requests) {
    tried += 1
    const answer = await send(request)
    const clear = answer.status >= 400 && answer.status < 500 && answer.code !== '' && answer.message !== ''
    if (!clear || (code && !code.test(answer.code)))
      wrong.push(
        `${family}: ${request.method ?? 'POST'} ${request.path.slice(0, 120)} ${String(request.body ?? '').slice(0, 120)} → ${answer.status} ${answer.text.slice(0, 200)}`,
      )
  }
  expect(wrong).toEqual([])
  expect(await send({ path: invocations, body: '{"good":true}' })).toMatchObject({ status: 200, text: '{"good":true}' })
  expect(frontend.catalogue.functions(account).map((one) => one.functionName)).toEqual(['one'])
}

const get = (path: string): RawRequest => ({ method: 'GET', path })
const ofName = (name: string): RawRequest[] => {
  const at = `${functions}/${encodeURIComponent(name)}`
  return [get(at), get(`${at}/configuration`), { path: `${at}/invocations`, body: '{}' }]
}
const creation = (change: object): RawRequest => ({ path: functions, body: json({ ...good, ...change }) })
const configuration = (change: object): RawRequest => ({
  method: 'PUT',
  path: `${functions}/one/configuration`,
  body: json(change),
})
/** The same member in a creation and in a change. */
const setting = (change: object): RawRequest[] => [creation(change), configuration(change)]
const packaged = (zip: Buffer): RawRequest[] => [
  creation({ Code: { ZipFile: zip.toString('base64') } }),
  { method: 'PUT', path: `${functions}/one/code`, body: json({ ZipFile: zip.toString('base64') }) },
]

describe('paths and names', () => {
  it('B22, B23: paths that lead elsewhere', async () => {
    const names = [
      '..%2f..%2f',
      '%252e%252e',
      '%2e%2e%2f',
      'one;x=1',
      'one%3bx=1',
      'one%5c',
      'one%00',
      '%zz',
      '%c0%af',
      '%',
      '%e0%80%80',
      '%ff%fe',
      '.%00.',
    ]
    await refuses('B22', [
      ...names.flatMap((name) => [
        get(`${functions}/${name}`),
        { path: `${functions}/${name}/invocations`, body: '{}' },
        { method: 'DELETE', path: `${functions}/${name}` },
      ]),
      get('//2015-03-31/functions'),
      get(`${functions}//one`),
      get(`${functions}/one//configuration`),
      get(`${functions}/./one`),
      get(`${functions}/x/../one`),
      get(`${functions}/../../etc/passwd`),
      get('/2015-03-31\\functions'),
      get('/2015-03-31/FUNCTIONS'),
      get('/'),
      get('/2015-03-31'),
      get('/weft/code'),
      get('/__proto__/constructor'),
    ])
  })

  it('B24: names of functions', async () => {
    const names = [
      'a.b',
      'a*',
      '>',
      'a b',
      '*',
      'x\r\nPUB admin 3\r\nyes',
      'x\n',
      '$JS.API',
      '$JS.API.STREAM.DELETE.X',
      '__proto__',
      'constructor',
      'toString',
      'CON',
      'a\u200fb',
      'раypal',
      'a'.repeat(65),
      'a'.repeat(300),
      '..',
      '.',
      '-',
      '_',
      "'",
      '"',
      '<x>',
      'a/b',
      'a%b',
      '\u0000',
      '💥',
      'one:',
      ':one',
      'one::',
      '{one}',
    ]
    await refuses('B24', names.filter((name) => name !== '..' && name !== '.').flatMap(ofName))
    const invalid = names.filter((name) => !/^[a-zA-Z0-9-_]{1,64}$/.test(name))
    await refuses(
      'B24',
      invalid.map((FunctionName) => creation({ FunctionName })),
    )
    await refuses('B24', [
      creation({ FunctionName: '' }),
      creation({ FunctionName: null }),
      creation({ FunctionName: 1 }),
    ])
  })

  it('B25: ARNs that are not here', async () => {
    const arns = [
      `arn:aws:lambda:us-east-1:${otherAccount}:function:one`,
      `arn:aws:lambda:eu-west-1:${account}:function:one`,
      `arn:aws-cn:lambda:us-east-1:${account}:function:one`,
      `arn:aws:s3:us-east-1:${account}:function:one`,
      `arn:aws:lambda:us-east-1:${account}:layer:one`,
      `arn:aws:lambda:us-east-1:${account}:function:one:prod:x`,
      `arn:aws:lambda:us-east-1:${account}:function:`,
      `arn:aws:lambda:us-east-1::function:one`,
      'arn:aws:lambda',
      'arn:',
      '::::::',
      `${otherAccount}:function:one`,
      '12:function:one',
      `arn:aws:lambda:us-east-1:${account}:function:one:prod`,
    ]
    await refuses('B25', arns.flatMap(ofName))
    const withQualifier = encodeURIComponent(`arn:aws:lambda:us-east-1:${account}:function:one:$LATEST`)
    await refuses(
      'B25',
      [
        get(`${functions}/${withQualifier}?Qualifier=prod`),
        { path: `${functions}/one:1/invocations?Qualifier=2`, body: '{}' },
      ],
      /^InvalidParameterValueException$/,
    )
  })

  it('B26: qualifiers', async () => {
    const qualifiers = [
      '$LATEST%0a',
      '0',
      '-1',
      '1e9',
      '1',
      'prod',
      '%24LATEST.PUBLISHED',
      '*',
      '>',
      'a%20b',
      '%00',
      'a'.repeat(129),
      '__proto__',
      '',
      '..',
      '%24JS.API',
    ]
    await refuses(
      'B26',
      qualifiers.flatMap((q) => [
        get(`${functions}/one?Qualifier=${q}`),
        { path: `${invocations}?Qualifier=${q}`, body: '{}' },
      ]),
    )
  })

  it('B27, B28: markers and queries', async () => {
    const queries = [
      'Marker=x',
      'Marker=b25l.AAAA',
      'Marker=%00',
      `Marker=${'A'.repeat(5_000)}`,
      'MaxItems=0',
      'MaxItems=-1',
      'MaxItems=1e9',
      'MaxItems=1000000000',
      'MaxItems=abc',
      'MaxItems=',
      'MaxItems=1&MaxItems=2',
      'Marker=a&Marker=b',
      'FunctionVersion=SOME',
      'Marker=%ff',
      'Marker=%zz',
    ]
    await refuses('B27', [
      ...queries.map((query) => get(`${functions}?${query}`)),
      get('/2015-03-31/event-source-mappings?Marker=x'),
      get('/2015-03-31/event-source-mappings?EventSourceArn=x'),
    ])
    const mine = await send(get(`${functions}?MaxItems=1&Unknown=1&constructor=x`))
    expect(mine.status).toBe(200)
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
      { ...call, service: 'iam' },
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
    expect(frontend.invoker.calls.every((one) => one.payload.toString() === '{"good":true}')).toBe(true)
  })
})

describe('JSON and the control API', () => {
  it('B40–B43: documents', async () => {
    const bodies: (string | Buffer)[] = [
      '',
      'null',
      '[]',
      '"x"',
      '1',
      'NaN',
      '{"a":NaN}',
      '{"FunctionName":"fresh",}',
      `\ufeff${json(good)}`,
      Buffer.from(json(good), 'utf16le'),
      `${json(good)}${json(good)}`,
      '{"FunctionName":"\\ud800"}',
      `{"FunctionName":"fresh"`,
      '['.repeat(100_000),
      '{"a":'.repeat(100_000),
      `{"Deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      `{"__proto__":${json(good)}}`,
      `{"constructor":{"prototype":${json(good)}}}`,
      `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join(',')}}`,
      json(good)
        .replace('"Role"', '"FunctionName":"a b","Role"')
        .replace('"FunctionName":"fresh"', '"FunctionName":"x"'),
      json({ ...good, Timeout: 1 }).replace('"Timeout":1', '"Timeout":1e400'),
      json({ ...good, Timeout: 1 }).replace('"Timeout":1', '"Timeout":9007199254740993'),
      json({ ...good, Timeout: 1 }).replace('"Timeout":1', '"Timeout":-0'),
      json({ ...good, Timeout: 1 }).replace('"Timeout":1', `"Timeout":${'9'.repeat(1_000_000)}`),
      Buffer.from([0xff, 0xfe, 0x7b]),
      'FunctionName=fresh',
      '<xml/>',
    ]
    await refuses(
      'B40',
      bodies.map((body) => ({ path: functions, body })),
    )
    await refuses(
      'B40',
      ['null', '[]', '"x"', '{', '{"Timeout":"x"}', '\ufeff{}'].map((body) => ({
        method: 'PUT',
        path: `${functions}/one/configuration`,
        body,
      })),
    )
  })

  it('B44–B49: settings out of range', async () => {
    const timeouts = [0, 901, -1, '3', 3.5, true, [], {}, 1e10].flatMap((Timeout) => setting({ Timeout }))
    const memories = [127, 10_241, 0, -128, '128', 128.5, [128]].flatMap((MemorySize) => setting({ MemorySize }))
    const handlers = ['a b', 'x\r\ny', 'a'.repeat(129), 'index.handler\n', '\t', 7, {}].flatMap((Handler) =>
      setting({ Handler }),
    )
    const variables = [
      { AWS_REGION: 'x' },
      { AWS_ACCESS_KEY_ID: 'x' },
      { AWS_SECRET_ACCESS_KEY: 'x' },
      { AWS_SESSION_TOKEN: 'x' },
      { _HANDLER: 'x' },
      { AWS_LAMBDA_RUNTIME_API: 'x' },
      { LAMBDA_TASK_ROOT: '/' },
      { AWS_LAMBDA_FUNCTION_NAME: 'x' },
      { BIG: 'x'.repeat(4_097) },
      { 'A=B': 'x' },
      { 'A\0B': 'x' },
      { '': 'x' },
      { '1A': 'x' },
      { A: 'x' },
      { 'A B': 'x' },
      { 'A-B': 'x' },
      { AB: 'x\0y' },
      { AB: 1 },
      { AB: null },
      { AB: {} },
      { __proto__x: 'x', ÄÖ: 'x' },
      [],
      'x',
    ].flatMap((Variables) => setting({ Environment: { Variables } }))
    const roles = [
      'x',
      '',
      'arn:aws:iam::12:role/x',
      'arn:aws:s3:::bucket',
      `arn:aws:iam::${account}:user/x`,
      `${role}\n`,
      5,
      `${role} x`,
    ].flatMap((Role) => setting({ Role }))
    const layers = [
      Array.from({ length: 6 }, (_, i) => `arn:aws:lambda:us-east-1:${account}:layer:l:${i + 1}`),
      [`arn:aws:lambda:us-east-1:${account}:layer:l:1`],
      [`arn:aws:lambda:us-east-1:${otherAccount}:layer:l:1`],
      ['x'],
      [null],
      [''],
      'x',
    ].flatMap((Layers) => setting({ Layers }))
    const others = [
      { EphemeralStorage: { Size: 511 } },
      { EphemeralStorage: { Size: 10_241 } },
      { EphemeralStorage: {} },
      { Runtime: 'cobol' },
      { Runtime: 'NODEJS24.X' },
      { Runtime: 'nodejs24.x\n' },
      { Runtime: '' },
      { TracingConfig: { Mode: 'x' } },
      { DeadLetterConfig: { TargetArn: 'x' } },
      { DeadLetterConfig: { TargetArn: streamArn('us-east-1', otherAccount, 'S') } },
      { DeadLetterConfig: { TargetArn: `arn:aws:sqs:us-east-1:${account}:q` } },
      { LoggingConfig: { LogFormat: 'Text', ApplicationLogLevel: 'DEBUG' } },
      { LoggingConfig: { LogFormat: 'xml' } },
      { LoggingConfig: { LogGroup: 'a b' } },
      { VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1'] } },
      { SnapStart: { ApplyOn: 'PublishedVersions' } },
      { KMSKeyArn: `arn:aws:kms:us-east-1:${account}:key/x` },
    ].flatMap(setting)
    await refuses('B44', [...timeouts, ...memories, ...handlers])
    await refuses('B47', variables)
    await refuses('B49', [...roles, ...layers, ...others])
    await refuses(
      'B49',
      [
        { Architectures: ['mips'] },
        { Architectures: ['arm64'] },
        { Architectures: [] },
        { Architectures: ['x86_64', 'arm64'] },
        { PackageType: 'Image' },
        { PackageType: 'x' },
        { Publish: true },
        { Publish: 'true' },
        { Runtime: null },
        { Handler: null },
        { Role: null },
        { Code: null },
        { Code: {} },
        { Code: 'x' },
        { Code: { S3Bucket: 'bucket', S3Key: 'key' } },
        { Code: { S3Bucket: 'bucket' } },
        { Code: { ImageUri: 'x' } },
      ].map(creation),
    )
  })

  it('B50–B56: tags, concurrency, revisions, base64, descriptions', async () => {
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, 'v']))
    const tags = [
      many,
      { 'aws:x': 'v' },
      { 'AWS:x': 'v' },
      { '': 'v' },
      { ['k'.repeat(129)]: 'v' },
      { k: 'v'.repeat(257) },
      { 'k<': 'v' },
      { k: null },
      { k: 1 },
      [],
      'x',
    ]
    const arn = encodeURIComponent(`arn:aws:lambda:us-east-1:${account}:function:one`)
    await refuses(
      'B50',
      tags.flatMap((Tags) => [creation({ Tags }), { path: `/2017-03-31/tags/${arn}`, body: json({ Tags }) }]),
    )
    const resources = [
      'x',
      '',
      arn.replace('one', 'gone'),
      `${arn}%3Aprod`,
      encodeURIComponent(`arn:aws:lambda:us-east-1:${otherAccount}:function:one`),
      encodeURIComponent(
        `arn:aws:lambda:us-east-1:${account}:event-source-mapping:${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`,
      ),
    ]
    await refuses(
      'B50',
      resources.flatMap((resource) => [
        get(`/2017-03-31/tags/${resource}`),
        { path: `/2017-03-31/tags/${resource}`, body: json({ Tags: { a: 'b' } }) },
      ]),
    )
    await refuses(
      'B51',
      [-1, 1_001, 901, 1.5, '5', null, 1e300, {}].map((n) => ({
        method: 'PUT',
        path: '/2017-10-31/functions/one/concurrency',
        body: json({ ReservedConcurrentExecutions: n }),
      })),
    )
    const revisions = ['x', '', '00000000-0000-0000-0000-000000000000', 1]
    await refuses(
      'B52',
      revisions.flatMap((RevisionId) => [
        configuration({ RevisionId, Timeout: 4 }),
        { method: 'PUT', path: `${functions}/one/code`, body: json({ ...(good.Code as object), RevisionId }) },
      ]),
    )
    await refuses('B53', [creation({ FunctionName: 'one' })], /^ResourceConflictException$/)
    const base64 = (good.Code as { ZipFile: string }).ZipFile
    const bad = [
      `${base64.slice(0, 8)} ${base64.slice(8)}`,
      `${base64}\n`,
      base64.slice(0, -1),
      `-_${base64.slice(2)}`,
      `${base64}=`,
      '=',
      'A',
      `A=${base64.slice(2)}`,
      '\u0000',
      5,
      [1],
      {},
    ]
    await refuses(
      'B55',
      bad.map((ZipFile) => creation({ Code: { ZipFile } })),
    )
    await refuses(
      'B56',
      ['x'.repeat(257), '💥'.repeat(129), 5, {}].flatMap((Description) => setting({ Description })),
    )
    const html = await send(configuration({ Description: '<script>💥</script>' }))
    expect(html).toMatchObject({ status: 200 })
    expect(JSON.parse(html.text)).toMatchObject({ Description: '<script>💥</script>' })
  })

  it('B81, B85: event source mappings', async () => {
    const source = streamArn('us-east-1', account, 'ORDERS')
    const mapping = { FunctionName: 'one', EventSourceArn: source, StartingPosition: 'LATEST' }
    const changes = [
      { BatchSize: 0 },
      { BatchSize: 10_001 },
      { BatchSize: '1' },
      { MaximumBatchingWindowInSeconds: 301 },
      { MaximumBatchingWindowInSeconds: -1 },
      { ParallelizationFactor: 11 },
      { ParallelizationFactor: 2 },
      { TumblingWindowInSeconds: 60 },
      { MaximumRetryAttempts: -2 },
      { MaximumRetryAttempts: 10_001 },
      { MaximumRecordAgeInSeconds: -2 },
      { MaximumRecordAgeInSeconds: 604_801 },
      { StartingPosition: null },
      { StartingPosition: 'x' },
      { StartingPosition: 'AT_TIMESTAMP' },
      { StartingPositionTimestamp: 1 },
      { EventSourceArn: null },
      { EventSourceArn: 'x' },
      { EventSourceArn: `arn:aws:sqs:us-east-1:${account}:q` },
      { EventSourceArn: streamArn('us-east-1', otherAccount, 'ORDERS') },
      { EventSourceArn: streamArn('eu-west-1', account, 'ORDERS') },
      { EventSourceArn: `${source}\n` },
      { EventSourceArn: `arn:aws:jetstream:us-east-1:${account}:stream/a*` },
      { EventSourceArn: `arn:aws:jetstream:us-east-1:${account}:stream/` },
      { FunctionName: 'gone' },
      { FunctionName: 'a b' },
      { FunctionName: null },
      { FunctionResponseTypes: ['x'] },
      { FunctionResponseTypes: 'x' },
      { FilterCriteria: { Filters: [{ Pattern: '{}' }] } },
      { DestinationConfig: { OnFailure: { Destination: `arn:aws:sqs:us-east-1:${account}:q` } } },
      { Topics: ['>'] },
      { Topics: ['a', 'b'] },
      { Queues: ['q'] },
      { Tags: { a: 'b' } },
      { Enabled: 'yes' },
      { ScalingConfig: { MaximumConcurrency: 5 } },
    ]
    const path = '/2015-03-31/event-source-mappings'
    await refuses(
      'B81',
      changes.map((change) => ({ path, body: json({ ...mapping, ...change }) })),
    )
    const ids = ['x', '..%2f', '00000000-0000-0000-0000-000000000000', '*'.repeat(36), '%00'.repeat(36)]
    await refuses(
      'B81',
      ids.flatMap((id) => [
        get(`${path}/${id}`),
        { method: 'PUT', path: `${path}/${id}`, body: '{}' },
        { method: 'DELETE', path: `${path}/${id}` },
      ]),
    )
    expect(frontend.catalogue.mappings()).toEqual([])
  })
})

describe('packages', () => {
  const link = 0o120777
  /** Without it names are of code page 437, where control characters are pictures. */
  const utf8 = 0x800
  const names: readonly RawZipEntry[] = [
    { name: '../x' },
    { name: '/x' },
    { name: 'C:\\x' },
    { name: 'C:/x' },
    { name: 'a/../../x' },
    { name: '..\\x' },
    { name: 'a\\b' },
    { name: '..' },
    { name: 'l', data: '/etc', mode: link },
    { name: 'l', data: '../../etc', mode: link },
    { name: 'a/l', data: '../../x', mode: link },
    { name: 'l', data: '', mode: link },
    { name: 'x', declaredBytes: 1_024, data: Buffer.alloc(10_000_000) },
    { name: 'x', declaredBytes: 0xfffffff0 },
    { name: 'x', crc: 1 },
    { name: 'x', flags: 1 },
    { name: 'x', method: 99 },
    { name: 'x', mode: 0o020644 },
    { name: 'x', mode: 0o060644 },
    { name: 'x', mode: 0o010644 },
    { name: 'x', mode: 0o140644 },
    { name: 'x\0y' },
    { name: 'x\r\ny', flags: utf8 },
    { name: '\u0007', flags: utf8 },
    { name: Buffer.from([0x78, 0xff, 0xfe]), flags: utf8 },
    { name: 'a'.repeat(4_096) },
    { name: `${'a/'.repeat(500)}x` },
    { name: '' },
  ]

  it('B57–B64: entries that must not be unpacked', async () => {
    const zips = [
      ...names.map((entry) => rawZip([entry])),
      rawZip([{ name: 'd', data: 'sub', mode: link }, { name: 'd/f' }]),
      rawZip([{ name: 'x' }, { name: 'x' }]),
      rawZip([{ name: 'x' }, { name: 'x/y' }]),
      rawZip([{ name: 'x/y' }, { name: 'x' }]),
      rawZip([]),
      rawZip([{ name: 'x' }]).subarray(0, -10),
      rawZip([{ name: 'x' }]).subarray(10),
      Buffer.from('PK\x05\x06'),
      Buffer.from('not a zip'),
      Buffer.alloc(0),
    ]
    await refuses('B57', zips.flatMap(packaged), /^InvalidParameterValueException$/)
  })

  it('B59, B60: archives that would fill the disk', async () => {
    const zeros = Buffer.alloc(27_000_000)
    const bomb = rawZip(Array.from({ length: 10 }, (_, i) => ({ name: `x${i}`, data: zeros })))
    const [create] = packaged(bomb)
    expect(await send(create as RawRequest)).toMatchObject({
      status: 400,
      code: 'InvalidParameterValueException',
      message: 'Unzipped size must be smaller than 262144000 bytes',
    })
    const crowd = rawZip(Array.from({ length: 60_000 }, (_, i) => ({ name: `${i}`, data: '', method: 0 })))
    await refuses('B60', packaged(crowd))
    const big = await send(creation({ Code: { ZipFile: Buffer.alloc(52_428_801).toString('base64') } }))
    expect(big).toMatchObject({
      status: 413,
      code: 'RequestEntityTooLargeException',
      message: 'Zipped size must be smaller than 52428800 bytes',
    })
    tried += 2
  }, 60_000)

  it('takes what only looks odd', async () => {
    const zip = rawZip([
      { name: 'bin/run', mode: 0o104755 },
      { name: 'bin/link', data: 'run', mode: link },
      { name: 'Read' },
      { name: 'read' },
      { name: 'none', mode: 0o100000 },
      { name: 'ünï/💥' },
    ])
    for (const request of packaged(zip).slice(1)) expect((await send(request)).status).toBe(200)
  })
})

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
    tried += 3
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
    const call = frontend.invoker.calls.at(-1)
    expect(call).toMatchObject({ attempt: 1, requestId: answer.headers['x-amzn-requestid'] })
    expect(call?.requestId).not.toBe(requestId)
    expect(call?.traceHeader).toBeUndefined()
  })
})
