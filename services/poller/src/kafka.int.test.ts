import { brokerSources } from '@weft/brokers'
import type { EventSourceMapping } from '@weft/contracts'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { expect, test } from 'vitest'
import { account, answered, functionError, mappingOf, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { type KafkaMock, startKafkaMock } from './testing/kafka-mock.ts'
import { lastResult, noPositions, startBus } from './testing/poller-harness.ts'

const topic = 'orders'
const group = 'billing'

const sourcesAt = ({ servers }: Pick<KafkaMock, 'servers'>) =>
  brokerSources({
    brokers: new Map([['sales', { kind: 'kafka', servers, accounts: [account] }]]),
    positions: noPositions,
    clock,
    log,
  })
const onKafka = (kafka: Pick<KafkaMock, 'servers'>, change: Partial<EventSourceMapping> = {}) =>
  mappingOf({
    eventSourceArn: `arn:aws:kafka:us-east-1:${account}:self-managed/x`,
    filterSubjects: [topic],
    kafka: { bootstrapServers: kafka.servers, consumerGroupId: group, access: [] },
    ...change,
  })

interface KafkaRecord {
  readonly partition: number
  readonly offset: number
  readonly value: string
}
const recordsOf = (event: Readonly<Record<string, unknown>>): KafkaRecord[] =>
  Object.values(event.records as Record<string, KafkaRecord[]>).flat()
const seen = (...invokers: TestInvoker[]): string[] =>
  invokers.flatMap(({ batches }) =>
    batches.flatMap(({ event }) => recordsOf(event).map(({ value }) => Buffer.from(value, 'base64').toString())),
  )
const lines = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `k${n}:{"id":"${prefix}${n + 1}"}`)
const ids = (texts: readonly string[], prefix: string): string[] =>
  texts.map((text) => (JSON.parse(text) as { id: string }).id).filter((id) => id.startsWith(prefix))
const upTo = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix}${n + 1}`)
const poll = { timeout: 30_000 }

test('records of a topic reach the function in order and once, in the shape of Lambda, and the group goes on behind them', async () => {
  await using kafka = await startKafkaMock()
  await using bus = await startBus()
  for (const partition of [0, 1]) await kafka.produce(topic, partition, lines(`${partition}-`, 12))
  const catalogue = new TestCatalogue('f')
  catalogue.put(onKafka(kafka, { batchSize: 5, filters: ['{"value":{"id":[{"anything-but":["0-3"]}]}}'] }))
  const invoker = new TestInvoker()
  {
    await using _ = await bus.poller(invoker, catalogue, { others: sourcesAt(kafka) })
    await expect.poll(() => seen(invoker).length, poll).toBe(23)
    await expect.poll(() => lastResult(catalogue), poll).toBe('OK')
  }
  expect(ids(seen(invoker), '0-')).toEqual(upTo('0-', 12).filter((id) => id !== '0-3'))
  expect(ids(seen(invoker), '1-')).toEqual(upTo('1-', 12))
  expect(invoker.batches.find(({ event }) => recordsOf(event)[0]?.partition === 1)?.event).toMatchObject({
    eventSource: 'SelfManagedKafka',
    bootstrapServers: kafka.servers.join(','),
    records: {
      'orders-1': expect.arrayContaining([
        {
          topic,
          partition: 1,
          offset: 0,
          timestamp: expect.any(Number),
          timestampType: 'CREATE_TIME',
          key: btoa('k0'),
          value: btoa('{"id":"1-1"}'),
          headers: [{ origin: [116, 101, 115, 116] }],
        },
      ]),
    },
  })
  await kafka.produce(topic, 1, ['k:last'])
  expect(await kafka.restOf(group, topic)).toEqual(['last'])
})

test('a failing batch is halved, its records are given up one by one, and the others go on', async () => {
  await using kafka = await startKafkaMock()
  await using bus = await startBus()
  await kafka.produce(topic, 0, lines('a', 8))
  const catalogue = new TestCatalogue('f')
  catalogue.put(onKafka(kafka, { batchSize: 8, maximumRetryAttempts: 1, bisectBatchOnFunctionError: true }))
  const invoker = new TestInvoker()
  invoker.answer = (_, event) => (recordsOf(event).some(({ offset }) => offset === 5) ? functionError : success)
  await using _ = await bus.poller(invoker, catalogue, { others: sourcesAt(kafka) })
  await expect.poll(() => bus.dead(), poll).toBe(1)
  const [dead] = await bus.messages('WEFT_DEAD')
  expect(dead?.json()).toMatchObject({
    requestContext: { condition: 'RetryAttemptsExhausted' },
    KafkaBatchInfo: {
      batchSize: 1,
      bootstrapServers: kafka.servers.join(','),
      recordsInfo: { 'orders-0': { firstRecordOffset: '5', lastRecordOffset: '5' } },
    },
  })
  await expect.poll(() => ids(seen(invoker), 'a').includes('a8'), poll).toBe(true)
})

test('the answer of a function names records by partition and offset, and the batch restarts at the first of them', async () => {
  await using kafka = await startKafkaMock()
  await using bus = await startBus()
  await kafka.produce(topic, 2, lines('a', 4))
  const catalogue = new TestCatalogue('f')
  catalogue.put(onKafka(kafka, { reportBatchItemFailures: true }))
  const invoker = new TestInvoker()
  const failed = answered('{"batchItemFailures":[{"itemIdentifier":{"partition":"orders-2","offset":2}}]}')
  let first = true
  invoker.answer = () => {
    const answer = first ? failed : success
    first = false
    return answer
  }
  await using _ = await bus.poller(invoker, catalogue, { others: sourcesAt(kafka) })
  await expect.poll(() => seen(invoker).length, poll).toBe(6)
  expect(ids(seen(invoker), 'a')).toEqual([...upTo('a', 4), 'a3', 'a4'])
})

test('two pollers share the partitions; what one had is the other’s when it is gone, in order and without a gap', async () => {
  await using kafka = await startKafkaMock()
  await using bus = await startBus()
  const partitions = [0, 1, 2, 3]
  for (const partition of partitions) await kafka.produce(topic, partition, lines(`${partition}-`, 5))
  const catalogue = new TestCatalogue('f')
  catalogue.put(onKafka(kafka))
  const invokers = [new TestInvoker(), new TestInvoker()] as const
  const options = { others: sourcesAt(kafka), change: { spreadMs: 150 } }
  await using one = await bus.poller(invokers[0], catalogue, { ...options, instanceId: 'one' })
  const two = await bus.poller(invokers[1], catalogue, { ...options, instanceId: 'two' })
  // The mapping's own lease and one for each partition.
  await expect.poll(() => one.service.held() + two.service.held(), poll).toBe(5)
  await expect.poll(() => seen(...invokers).length, poll).toBe(20)
  await two[Symbol.asyncDispose]()
  await expect.poll(() => one.service.held(), poll).toBe(5)
  for (const partition of partitions) await kafka.produce(topic, partition, lines(`${partition}+`, 5))
  await expect.poll(() => seen(...invokers).length, poll).toBe(40)
  for (const partition of partitions) {
    expect(ids(seen(...invokers), `${partition}-`)).toEqual(upTo(`${partition}-`, 5))
    expect(ids(seen(...invokers), `${partition}+`)).toEqual(upTo(`${partition}+`, 5))
  }
})

test('provisioned pollers run so many batches at a time, whatever the number of partitions', async () => {
  await using kafka = await startKafkaMock()
  await using bus = await startBus()
  for (const partition of [0, 1, 2, 3]) await kafka.produce(topic, partition, lines(`${partition}-`, 6))
  const catalogue = new TestCatalogue('f')
  catalogue.put(onKafka(kafka, { batchSize: 2, provisionedPollers: { minimum: 1, maximum: 2 } }))
  const invoker = new TestInvoker()
  invoker.answer = async () => {
    await new Promise(setImmediate)
    return success
  }
  await using poller = await bus.poller(invoker, catalogue, { others: sourcesAt(kafka) })
  await expect.poll(() => seen(invoker).length, poll).toBe(24)
  expect(invoker.most).toBeLessThanOrEqual(2)
  // The mapping's own and one for each poller.
  expect(poller.service.held()).toBe(3)
  for (const partition of [0, 1, 2, 3]) expect(ids(seen(invoker), `${partition}-`)).toEqual(upTo(`${partition}-`, 6))
})

test('a mapping that begins at the end reads what comes then; how far it is behind is measured', async () => {
  await using kafka = await startKafkaMock()
  await using bus = await startBus()
  await kafka.produce(topic, 0, lines('old', 3))
  const catalogue = new TestCatalogue('f')
  catalogue.put(onKafka(kafka, { startingPosition: 'LATEST' }))
  const invoker = new TestInvoker()
  const others = sourcesAt(kafka)
  await using _ = await bus.poller(invoker, catalogue, { others })
  const lag = () => others.kafka?.lag?.(onKafka(kafka))
  // Its position is kept before it has read anything.
  await expect.poll(lag, poll).toBe(0)
  await kafka.produce(topic, 0, lines('new', 3))
  await expect.poll(() => seen(invoker).length, poll).toBe(3)
  expect(ids(seen(invoker), 'new')).toEqual(upTo('new', 3))
  await expect.poll(lag, poll).toBe(0)
})

test('brokers that stand still for a while are waited for, and nothing is lost or doubled', async () => {
  await using kafka = await startKafkaMock()
  await using bus = await startBus()
  await kafka.produce(topic, 0, lines('a', 5))
  const catalogue = new TestCatalogue('f')
  catalogue.put(onKafka(kafka))
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue, { others: sourcesAt(kafka) })
  await expect.poll(() => seen(invoker).length, poll).toBe(5)
  kafka.signal('SIGSTOP')
  await new Promise((resolve) => clock.schedule(2_000, () => resolve(undefined)))
  kafka.signal('SIGCONT')
  await kafka.produce(topic, 0, lines('b', 5))
  await expect.poll(() => new Set(seen(invoker)).size, poll).toBe(10)
  expect([...new Set(ids(seen(invoker), 'b'))]).toEqual(upTo('b', 5))
})

test('brokers that the account may not read, and such as do not answer, are told', async () => {
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(onKafka({ servers: ['127.0.0.1:9'] }))
  const others = sourcesAt({ servers: ['127.0.0.1:1'] })
  await using _ = await bus.poller(new TestInvoker(), catalogue, { others })
  await expect
    .poll(() => lastResult(catalogue), poll)
    .toBe('PROBLEM: There is no kafka broker at 127.0.0.1:9 for this account.')
  catalogue.put(onKafka({ servers: ['127.0.0.1:1'] }))
  await expect.poll(() => lastResult(catalogue), poll).toMatch(/^PROBLEM: Kafka topic orders cannot be read: /)
})
