import { brokerSources } from '@weft/brokers'
import { type EventSourceMapping, streamArn } from '@weft/contracts'
import { openPositionBook } from '@weft/nats'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import amqp from 'amqplib'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { account, mappingOf, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startMosquitto, startRabbitmq, startRedis } from './testing/broker-servers.ts'
import { FakeQueue, FakeRefusal, FakeShards, startFakeAws } from './testing/fake-aws.ts'
import { startKafkaMock } from './testing/kafka-mock.ts'
import { startBus } from './testing/poller-harness.ts'
import { publishMqtt } from './testing/publish-mqtt.ts'

type Bus = Awaited<ReturnType<typeof startBus>>

/** B83: what no filter can read, and what is empty, deep or large. */
const wrong: readonly string[] = [
  '',
  'null',
  '[]',
  '{"a":',
  'NaN',
  '\ufeff{}',
  '"\\ud800"',
  '{"__proto__":{"good":true},"constructor":{"prototype":{"good":true}}}',
  `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
  JSON.stringify({ text: 'x'.repeat(1_000_000) }),
]
const good = '{"good":true}'

interface World extends AsyncDisposable {
  readonly mapping: Partial<EventSourceMapping>
  readonly others?: ReturnType<typeof brokerSources>
  readonly put: (text: string) => Promise<unknown>
  /** Where the payload lies in what a filter sees. */
  readonly filter: string
}

const nothing = async (): Promise<void> => {}
const jetstream = (kind: string, name: string) => `arn:aws:jetstream:us-east-1:${account}:${kind}/${name}`
const sourcesOf = (bus: Bus, broker: object) =>
  brokerSources({
    brokers: new Map([['main', { ...broker, accounts: [account] } as never]]),
    positions: openPositionBook(bus.link),
    clock,
    log,
  })
const headers = Array.from({ length: 1_000 }, (_, n) => [`h-${n}`, 'x'] as const)

const worlds: Readonly<Record<string, (bus: Bus) => Promise<World>>> = {
  'a JetStream stream': async ({ link }) => {
    await link.jsm.streams.add({ name: 'ORDERS', subjects: ['orders'] })
    return {
      mapping: { eventSourceArn: streamArn('us-east-1', account, 'ORDERS') },
      put: (text) => link.js.publish('orders', text),
      filter: '{"data":{"good":[true]}}',
      [Symbol.asyncDispose]: nothing,
    }
  },
  'a JetStream work queue': async ({ link }) => {
    await link.jsm.streams.add({ name: 'JOBS', subjects: ['jobs'], retention: 'workqueue' })
    return {
      mapping: { eventSourceArn: jetstream('queue', 'JOBS') },
      put: (text) => link.js.publish('jobs', text),
      filter: '{"body":{"good":[true]}}',
      [Symbol.asyncDispose]: nothing,
    }
  },
  'a key-value bucket': async ({ link }) => {
    await link.jsm.streams.add({ name: 'KV_B', subjects: ['$KV.B.>'], max_msgs_per_subject: 5, allow_direct: true })
    let count = 0
    return {
      mapping: { eventSourceArn: jetstream('bucket', 'B') },
      put: (text) => link.js.publish(`$KV.B.k${++count}`, text),
      filter: '{"dynamodb":{"NewImage":{"value":{"M":{"good":{"BOOL":[true]}}}}}}',
      [Symbol.asyncDispose]: nothing,
    }
  },
  Kafka: async (bus) => {
    const kafka = await startKafkaMock(1)
    return {
      mapping: {
        eventSourceArn: `arn:aws:kafka:us-east-1:${account}:self-managed/x`,
        filterSubjects: ['t1'],
        kafka: { bootstrapServers: kafka.servers, consumerGroupId: 'g', access: [] },
      },
      others: sourcesOf(bus, { kind: 'kafka', servers: kafka.servers }),
      put: (text) => kafka.produce('t1', 0, [`k:${text.slice(0, 900_000)}`]),
      filter: '{"value":{"good":[true]}}',
      [Symbol.asyncDispose]: () => kafka[Symbol.asyncDispose](),
    }
  },
  'a Redis stream': async (bus) => {
    const redis = await startRedis()
    const client = new Redis(redis.url)
    return {
      mapping: { eventSourceArn: `arn:aws:redis:us-east-1:${account}:stream/main/entries` },
      others: sourcesOf(bus, { kind: 'redis', url: redis.url }),
      put: (text) => client.xadd('entries', '*', 'text', text, ...headers.flat()),
      filter: JSON.stringify({ fields: { text: [good] } }),
      async [Symbol.asyncDispose]() {
        client.disconnect()
        await redis[Symbol.asyncDispose]()
      },
    }
  },
  'an MQTT topic': async (bus) => {
    const mosquitto = await startMosquitto()
    return {
      mapping: {
        eventSourceArn: `arn:aws:mqtt:us-east-1:${account}:topic/main/t`,
        startingPosition: 'LATEST',
      },
      others: sourcesOf(bus, { kind: 'mqtt', url: mosquitto.url }),
      put: (text) => publishMqtt(mosquitto.port, 't', text),
      filter: '{"data":{"good":[true]}}',
      [Symbol.asyncDispose]: () => mosquitto[Symbol.asyncDispose](),
    }
  },
  'a RabbitMQ queue': async (bus) => {
    const rabbit = await startRabbitmq()
    const connection = await amqp.connect(rabbit.url)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('jobs')
    return {
      mapping: { eventSourceArn: `arn:aws:mq:us-east-1:${account}:broker:main`, queues: ['jobs'] },
      others: sourcesOf(bus, { kind: 'rabbitmq', url: `${rabbit.url}/` }),
      put: async (text) => {
        channel.sendToQueue('jobs', Buffer.from(text), { headers: Object.fromEntries(headers) })
        await channel.waitForConfirms()
      },
      filter: '{"data":{"good":[true]}}',
      async [Symbol.asyncDispose]() {
        await connection.close()
        await rabbit[Symbol.asyncDispose]()
      },
    }
  },
  SQS: async (bus) => {
    const queue = new FakeQueue(2_000)
    const aws = await startFakeAws(queue.operations('jobs'))
    return {
      mapping: { eventSourceArn: `arn:aws:sqs:us-east-1:${account}:jobs` },
      others: sourcesOf(bus, { kind: 'aws', url: aws.url, accessKeyId: 'AKID', secretAccessKey: 'x' }),
      put: async (text) => queue.send(text),
      filter: '{"body":{"good":[true]}}',
      [Symbol.asyncDispose]: () => aws[Symbol.asyncDispose](),
    }
  },
  Kinesis: async (bus) => {
    const stream = new FakeShards()
    stream.add('s1')
    const operations = stream.kinesis()
    let looks = 0
    const aws = await startFakeAws({
      ...operations,
      // B87: an iterator that has expired.
      GetRecords: (input) => {
        if (++looks === 2) throw new FakeRefusal('ExpiredIteratorException')
        return operations.GetRecords?.(input) ?? {}
      },
    })
    return {
      mapping: { eventSourceArn: `arn:aws:kinesis:us-east-1:${account}:stream/clicks` },
      others: sourcesOf(bus, { kind: 'aws', url: aws.url, accessKeyId: 'AKID', secretAccessKey: 'x' }),
      put: async (text) =>
        stream.put('s1', (SequenceNumber) => ({
          SequenceNumber,
          PartitionKey: 'k',
          Data: Buffer.from(text).toString('base64'),
          ApproximateArrivalTimestamp: 1_700_000_000,
        })),
      filter: '{"data":{"good":[true]}}',
      [Symbol.asyncDispose]: () => aws[Symbol.asyncDispose](),
    }
  },
  'a DynamoDB stream': async (bus) => {
    const table = new FakeShards()
    table.add('s1')
    const aws = await startFakeAws(table.dynamodb())
    return {
      mapping: { eventSourceArn: `arn:aws:dynamodb:us-east-1:${account}:table/users/stream/one` },
      others: sourcesOf(bus, { kind: 'aws', url: aws.url, accessKeyId: 'AKID', secretAccessKey: 'x' }),
      put: async (text) =>
        table.put('s1', (SequenceNumber) => ({
          eventID: SequenceNumber,
          eventName: 'INSERT',
          dynamodb: { ApproximateCreationDateTime: 1_700_000_000, SequenceNumber, NewImage: { text: { S: text } } },
        })),
      filter: JSON.stringify({ dynamodb: { NewImage: { text: { S: [good] } } } }),
      [Symbol.asyncDispose]: () => aws[Symbol.asyncDispose](),
    }
  },
}

const poll = { timeout: 60_000 }

test.each(Object.entries(worlds))(
  '%s: records that no filter can read are passed over; without a filter the function gets them',
  async (_, start) => {
    await using bus = await startBus()
    await using world = await start(bus)
    const options = world.others ? { others: world.others } : {}
    const catalogue = new TestCatalogue('f')
    const one = mappingOf({ batchSize: 3, ...world.mapping, filters: [world.filter] })
    catalogue.put(one)
    const invoker = new TestInvoker()
    const count = (): number =>
      invoker.batches.reduce((sum, { event }) => {
        const groups = event.Records ?? event.records ?? event.rmqMessagesByQueue
        const lists = Array.isArray(groups) ? [groups] : Object.values(groups as Record<string, unknown[]>)
        return sum + lists.reduce((all, list) => all + (list as unknown[]).length, 0)
      }, 0)
    await using poller = await bus.poller(invoker, catalogue, options)
    await expect.poll(() => poller.service.held(), poll).toBeGreaterThan(0)
    await expect.poll(() => catalogue.mapping(account, one.uuid)?.state, poll).toBe('Enabled')
    // A topic keeps nothing for who has not subscribed: ask until one arrives.
    await expect
      .poll(
        async () => {
          await world.put(good)
          return count()
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBeGreaterThan(0)
    const first = count()
    for (const text of wrong) await world.put(text)
    await world.put(good)
    await expect.poll(count, poll).toBeGreaterThan(first)
    const filtered = count()
    // B88: changed while it is read.
    catalogue.put(mappingOf({ batchSize: 3, ...world.mapping, lastModifiedMs: 1 }))
    await expect
      .poll(
        async () => {
          for (const text of wrong) await world.put(text)
          await world.put(good)
          return count() - filtered
        },
        { timeout: 60_000, interval: 2_000 },
      )
      .toBeGreaterThan(wrong.length)
    expect(poller.service.problems()).toEqual([])
  },
)
