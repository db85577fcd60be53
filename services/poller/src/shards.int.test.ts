import { brokerSources } from '@weft/brokers'
import { openPositionBook } from '@weft/nats'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { expect, test } from 'vitest'
import { account, functionError, mappingOf, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { FakeShards, startFakeAws } from './testing/fake-aws.ts'
import { startBus } from './testing/poller-harness.ts'

const streamArn = `arn:aws:kinesis:us-east-1:${account}:stream/clicks`
const tableArn = `arn:aws:dynamodb:us-east-1:${account}:table/users/stream/2026-01-01T00:00:00.000`

const record = (data: string) => (SequenceNumber: string) => ({
  SequenceNumber,
  PartitionKey: data.slice(0, 1),
  Data: Buffer.from(data).toString('base64'),
  ApproximateArrivalTimestamp: 1_700_000_000.5,
})
const sourcesOf = (url: string, bus: Awaited<ReturnType<typeof startBus>>) => {
  const broker = { kind: 'aws' as const, url, accessKeyId: 'AKID', secretAccessKey: 'x', accounts: [account] }
  return {
    others: brokerSources({ brokers: new Map([['aws', broker]]), positions: openPositionBook(bus.link), clock, log }),
  }
}
const seen = (...invokers: TestInvoker[]): string[] =>
  invokers.flatMap(({ batches }) =>
    batches.flatMap(({ records }) => records.map((one) => Buffer.from(one.kinesis?.data ?? '', 'base64').toString())),
  )

test('shards of Kinesis are read in order, from where they were left, and the parts of a split after the whole', async () => {
  const stream = new FakeShards()
  stream.add('shard-1')
  for (let n = 1; n <= 12; n++) stream.put('shard-1', record(`a${n}`))
  await using aws = await startFakeAws(stream.kinesis())
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: streamArn, batchSize: 5 }))
  const first = new TestInvoker()
  {
    await using _ = await bus.poller(first, catalogue, sourcesOf(aws.url, bus))
    await expect.poll(() => seen(first).length, { timeout: 20_000 }).toBe(12)
    const position = () => openPositionBook(bus.link).read(mappingOf(), 'shard-1')
    await expect.poll(position, { timeout: 20_000 }).toBe('000000000012')
  }
  expect(first.batches[0]?.records[0]).toMatchObject({
    kinesis: { kinesisSchemaVersion: '1.0', partitionKey: 'a', sequenceNumber: '000000000001', data: btoa('a1') },
    eventSource: 'aws:kinesis',
    eventID: 'shard-1:000000000001',
    eventName: 'aws:kinesis:record',
    eventSourceARN: streamArn,
  })
  stream.put('shard-1', record('a13'))
  stream.close('shard-1')
  for (const part of ['shard-2', 'shard-3']) {
    stream.add(part, 'shard-1')
    stream.put(part, record(`${part} 1`))
  }
  const second = new TestInvoker()
  let failures = 2
  second.answer = () => (failures-- > 0 ? functionError : success)
  await using _ = await bus.poller(second, catalogue, sourcesOf(aws.url, bus))
  await expect
    .poll(() => new Set(seen(second)), { timeout: 30_000 })
    .toEqual(new Set(['a13', 'shard-2 1', 'shard-3 1']))
  expect(seen(second).slice(0, 3)).toEqual(['a13', 'a13', 'a13'])
})

test('two pollers share the shards, and one takes over those of the other when it is gone', async () => {
  const stream = new FakeShards()
  const shards = ['s1', 's2', 's3', 's4']
  for (const shard of shards) stream.add(shard)
  await using aws = await startFakeAws(stream.kinesis())
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: streamArn }))
  const invokers = [new TestInvoker(), new TestInvoker()] as const
  const spread = { change: { spreadMs: 100 } }
  await using one = await bus.poller(invokers[0], catalogue, {
    ...sourcesOf(aws.url, bus),
    ...spread,
    instanceId: 'one',
  })
  const two = await bus.poller(invokers[1], catalogue, { ...sourcesOf(aws.url, bus), ...spread, instanceId: 'two' })
  // The mapping's own lease and one for each shard.
  await expect.poll(() => one.service.held() + two.service.held(), { timeout: 20_000 }).toBe(5)
  for (const shard of shards) stream.put(shard, record(`${shard} 1`))
  await expect.poll(() => seen(...invokers).sort(), { timeout: 20_000 }).toEqual(shards.map((shard) => `${shard} 1`))
  await two[Symbol.asyncDispose]()
  await expect.poll(() => one.service.held(), { timeout: 20_000 }).toBe(5)
  for (const shard of shards) stream.put(shard, record(`${shard} 2`))
  await expect.poll(() => seen(...invokers).length, { timeout: 20_000 }).toBe(8)
  catalogue.put(mappingOf({ eventSourceArn: streamArn, state: 'Deleting', enabled: false }))
  await expect.poll(() => catalogue.mappings(), { timeout: 20_000 }).toEqual([])
  expect(await openPositionBook(bus.link).read(mappingOf(), 's1')).toBeUndefined()
})

test('changes of a DynamoDB table come as DynamoDB writes them', async () => {
  const stream = new FakeShards()
  stream.add('shard-1')
  const change = (SequenceNumber: string) => ({
    eventID: 'e1',
    eventName: 'MODIFY',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'us-east-1',
    dynamodb: {
      ApproximateCreationDateTime: 1_700_000_000,
      Keys: { id: { S: 'ada' } },
      NewImage: { id: { S: 'ada' }, photo: { B: btoa('png') } },
      OldImage: { id: { S: 'ada' } },
      SequenceNumber,
      SizeBytes: 20,
      StreamViewType: 'NEW_AND_OLD_IMAGES',
    },
  })
  stream.put('shard-1', change)
  await using aws = await startFakeAws(stream.dynamodb())
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  const filters = ['{"eventName":["MODIFY"],"dynamodb":{"Keys":{"id":{"S":["ada"]}}}}']
  catalogue.put(mappingOf({ eventSourceArn: tableArn, filters }))
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue, sourcesOf(aws.url, bus))
  await expect.poll(() => invoker.batches.length, { timeout: 20_000 }).toBe(1)
  expect(invoker.batches[0]?.records).toEqual([{ ...change('000000000001'), eventSourceARN: tableArn }])
})
