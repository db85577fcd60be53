import { streamArn } from '@weft/contracts'
import { describe, it } from 'vitest'
import { account, otherAccount } from '../testing/index.ts'
import { functions, invocations, json, useBadInput } from './harness.ts'

const { refuses } = useBadInput('events')

const stream = streamArn('us-east-1', account, 'ORDERS')
const mapping = (change: object) => ({
  path: '/2015-03-31/event-source-mappings',
  body: json({ FunctionName: 'one', EventSourceArn: stream, StartingPosition: 'TRIM_HORIZON', ...change }),
})
const filter = (...patterns: unknown[]) =>
  mapping({
    FilterCriteria: { Filters: patterns.map((one) => ({ Pattern: typeof one === 'string' ? one : json(one) })) },
  })

describe('events', () => {
  it('B82: patterns that are no patterns, or bombs', async () => {
    const leaves: unknown[] = [
      'x',
      7,
      null,
      [],
      {},
      [[]],
      [{}],
      [{ numeric: ['<'] }],
      [{ numeric: ['<', 'x'] }],
      [{ numeric: [1, '<'] }],
      [{ numeric: ['<', 1, '>', 0] }],
      [{ numeric: ['=', 1e300] }],
      [{ numeric: {} }],
      [{ prefix: 1 }],
      [{ prefix: { suffix: 'x' } }],
      [{ suffix: [] }],
      [{ wildcard: '**' }],
      [{ wildcard: '\\x' }],
      [{ wildcard: 7 }],
      [{ cidr: '10.0.0.0/99' }],
      [{ cidr: 'x/8' }],
      [{ cidr: '10.0.0.0/8/8' }],
      [{ exists: 'true' }],
      [{ exists: null }],
      [{ 'anything-but': {} }],
      [{ 'anything-but': [] }],
      [{ 'anything-but': [[]] }],
      [{ 'anything-but': { exists: true } }],
      [{ regex: '(a+)+$' }],
      [{ __proto__x: 'x' }],
      [{ prefix: 'a', suffix: 'b' }],
    ]
    await refuses(
      'B82',
      leaves.map((leaf) => filter({ data: { a: leaf } })),
    )
    const deep = `${'{"a":'.repeat(600)}["x"]${'}'.repeat(600)}`
    await refuses('B82', [
      filter(''),
      filter('{'),
      filter('null'),
      filter('[]'),
      filter('"x"'),
      filter(`\ufeff{}`),
      filter({ $or: [] }),
      filter({ $or: [{ a: [1] }] }),
      filter({ $or: 'x' }),
      filter(deep),
      filter({ a: ['x'.repeat(5_000)] }),
      filter(...Array(6).fill({ a: [1] })),
      mapping({ FilterCriteria: { Filters: 'x' } }),
      mapping({ FilterCriteria: { Filters: [null] } }),
      mapping({ FilterCriteria: 'x' }),
    ])
  })

  it('B81, B85: options that a source has no use for, and destinations that are none', async () => {
    const queue = { EventSourceArn: `arn:aws:jetstream:us-east-1:${account}:queue/JOBS`, StartingPosition: undefined }
    const kafka = {
      EventSourceArn: undefined,
      SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ['kafka.example.com:9092'] } },
      Topics: ['orders'],
    }
    const destination = (arn: unknown) => ({ DestinationConfig: { OnFailure: { Destination: arn } } })
    await refuses(
      'B81',
      [
        { ...queue, StartingPosition: 'LATEST' },
        { ...queue, ParallelizationFactor: 1 },
        { ...queue, TumblingWindowInSeconds: 1 },
        { ...queue, BisectBatchOnFunctionError: true },
        { ...queue, BatchSize: 11 },
        { ...queue, ScalingConfig: { MaximumConcurrency: 1 } },
        { ...queue, ScalingConfig: { MaximumConcurrency: 1_001 } },
        { ScalingConfig: { MaximumConcurrency: 2 } },
        { ParallelizationFactor: 0 },
        { ParallelizationFactor: 11 },
        { TumblingWindowInSeconds: 901 },
        { Queues: ['q'] },
        { Tags: { 'aws:x': '1' } },
        { ProvisionedPollerConfig: { MinimumPollers: 1 } },
        { EventSourceArn: `arn:aws:sqs:us-east-1:${account}:q`, ProvisionedPollerConfig: { MinimumPollers: 1 } },
        { ...kafka, Topics: undefined },
        { ...kafka, Topics: ['a', 'b'] },
        { ...kafka, EventSourceArn: stream },
        { ...kafka, StartingPosition: undefined },
        { ...kafka, SelfManagedEventSource: { Endpoints: {} } },
        { ...kafka, SelfManagedEventSource: { Endpoints: { ZOOKEEPER: ['a:1'] } } },
        { ...kafka, SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ['no port'] } } },
        { ...kafka, SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: [] } } },
        { ...kafka, SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: '' } },
        { ...kafka, SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: 'x'.repeat(201) } },
        { ...kafka, AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: 'x' } },
        { ...kafka, SourceAccessConfigurations: [{ Type: 'VPC_SUBNET', URI: 'subnet:x' }] },
        { ...kafka, SourceAccessConfigurations: [{ Type: 'BASIC_AUTH' }] },
        { ...kafka, ParallelizationFactor: 2 },
        { ...kafka, TumblingWindowInSeconds: 10 },
        { ...kafka, ScalingConfig: { MaximumConcurrency: 2 } },
        { ...kafka, ProvisionedPollerConfig: { MinimumPollers: 3, MaximumPollers: 2 } },
        { ...kafka, ProvisionedPollerConfig: { MaximumPollers: 20_001 } },
        { ...kafka, Queues: ['q'] },
        { MetricsConfig: { Metrics: ['EventCount'] } },
        destination(stream),
        destination('x'),
        destination(7),
        destination(streamArn('us-east-1', otherAccount, 'S')),
        destination(`arn:aws:jetstream:us-east-1:${account}:bucket/B`),
        destination(`arn:aws:lambda:us-east-1:${account}:function:one`),
        destination(`arn:aws:sqs:us-east-1:${account}:q`),
      ].map(mapping),
    )
    const config = (change: object) => ({
      method: 'PUT',
      path: `/2019-09-25/functions/one/event-invoke-config`,
      body: json({ DestinationConfig: change }),
    })
    const arns = [
      'x',
      `arn:aws:lambda:us-east-1:${account}:function:one`,
      `arn:aws:lambda:us-east-1:${account}:function:one:1`,
      `arn:aws:lambda:us-east-1:${account}:function:missing`,
      `arn:aws:lambda:us-east-1:${otherAccount}:function:one`,
      `arn:aws:lambda:eu-west-1:${account}:function:one`,
      `arn:aws:jetstream:us-east-1:${account}:subject/$JS.API.STREAM.DELETE.X`,
      `arn:aws:jetstream:us-east-1:${account}:subject/a..b`,
      `arn:aws:events:us-east-1:${otherAccount}:event-bus/default`,
      'arn:aws:s3:::A_bucket',
    ]
    // A bucket takes what failed, and nothing else.
    await refuses('B85', [
      config({ OnSuccess: { Destination: 'arn:aws:s3:::bucket' } }),
      ...arns.flatMap((Destination) => [
        config({ OnSuccess: { Destination } }),
        config({ OnFailure: { Destination } }),
      ]),
    ])
  })

  it('B80: keys and times of Weft that are none', async () => {
    const wrong: Record<string, string>[] = [
      { 'x-weft-idempotency-key': 'x'.repeat(257) },
      { 'x-weft-idempotency-key': 'a b' },
      { 'x-weft-keep-result': '0' },
      { 'x-weft-keep-result': '86401' },
      { 'x-weft-keep-result': '-1' },
      { 'x-weft-keep-result': '1e3' },
    ]
    await refuses(
      'B80',
      wrong.map((headers) => ({ path: invocations, body: '{}', headers })),
    )
    await refuses('B80', [
      { path: `${functions}/one/invocations`, body: '{}', headers: { 'x-weft-idempotency-key': 'k' } },
    ])
  })
})
