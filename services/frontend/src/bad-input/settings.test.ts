import { streamArn } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { account, otherAccount, role } from '../testing/index.ts'
import { functions, get, json, useBadInput } from './harness.ts'

const { send, refuses, creation, configuration, setting, good, frontend } = useBadInput('settings')

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
      `\ufeff${json(good())}`,
      Buffer.from(json(good()), 'utf16le'),
      `${json(good())}${json(good())}`,
      '{"FunctionName":"\\ud800"}',
      `{"FunctionName":"fresh"`,
      '['.repeat(100_000),
      '{"a":'.repeat(100_000),
      `{"Deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      `{"__proto__":${json(good())}}`,
      `{"constructor":{"prototype":${json(good())}}}`,
      `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join(',')}}`,
      json(good())
        .replace('"Role"', '"FunctionName":"a b","Role"')
        .replace('"FunctionName":"fresh"', '"FunctionName":"x"'),
      json({ ...good(), Timeout: 1 }).replace('"Timeout":1', '"Timeout":1e400'),
      json({ ...good(), Timeout: 1 }).replace('"Timeout":1', '"Timeout":9007199254740993'),
      json({ ...good(), Timeout: 1 }).replace('"Timeout":1', '"Timeout":-0'),
      json({ ...good(), Timeout: 1 }).replace('"Timeout":1', `"Timeout":${'9'.repeat(1_000_000)}`),
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
      { SnapStart: { ApplyOn: 'PublishedVersions' }, EphemeralStorage: { Size: 1024 } },
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
        { method: 'PUT', path: `${functions}/one/code`, body: json({ ...good().Code, RevisionId }) },
      ]),
    )
    await refuses('B53', [creation({ FunctionName: 'one' })], /^ResourceConflictException$/)
    const base64 = good().Code.ZipFile
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
      { ParallelizationFactor: 0 },
      { TumblingWindowInSeconds: 901 },
      { TumblingWindowInSeconds: -1 },
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
      { FilterCriteria: { Filters: [{ Pattern: '{' }] } },
      { FilterCriteria: { Filters: [{ Pattern: '[]' }] } },
      { FilterCriteria: { Filters: [{ Pattern: 'x' }] } },
      { FilterCriteria: { Filters: [{ Pattern: '{"data":{"a":[{"numeric":["<"]}]}}' }] } },
      { FilterCriteria: { Filters: Array(11).fill({ Pattern: '{}' }) } },
      { DestinationConfig: { OnFailure: { Destination: `arn:aws:sqs:us-east-1:${account}:q` } } },
      { Topics: ['>'] },
      { Topics: ['a', 'b'] },
      { Queues: ['q'] },
      { Tags: { 'aws:a': 'b' } },
      { Enabled: 'yes' },
      { ScalingConfig: { MaximumConcurrency: 1 } },
      { ScalingConfig: { MaximumConcurrency: 2_001 } },
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
    expect(frontend().catalogue.mappings()).toEqual([])
  })
})
