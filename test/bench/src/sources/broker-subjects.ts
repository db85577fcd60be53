import { Consumer } from '@platformatic/kafka'
import { type Broker, brokerSources } from '@weft/brokers'
import type { PositionBook } from '@weft/delivery'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { account, startKafkaMock, startMosquitto, startRabbitmq, startRedis } from '@weft/poller-service/testing'
import amqp from 'amqplib'
import { Redis } from 'ioredis'
import { MqttClient } from './mqtt-client.ts'
import { batchSize, many, payload, type Subject } from './subject.ts'

const noPositions: PositionBook = { read: async () => undefined, write: async () => {}, remove: async () => {} }
const sourcesOf = (broker: Omit<Broker, 'accounts'>) => {
  const brokers = new Map([['main', { ...broker, accounts: [account] }]])
  return brokerSources({ brokers, positions: noPositions, clock, log })
}

export async function kafkaSubject(): Promise<Subject> {
  const kafka = await startKafkaMock(1)
  const topic = (run: string): string => `t-${run}`
  return {
    name: 'Kafka (mock cluster)',
    sources: sourcesOf({ kind: 'kafka', servers: kafka.servers }),
    mapping: (run) => ({
      eventSourceArn: `arn:aws:kafka:us-east-1:${account}:self-managed/x`,
      filterSubjects: [topic(run)],
      kafka: { bootstrapServers: kafka.servers, consumerGroupId: run, access: [] },
    }),
    fill: (run, count) => kafka.produce(topic(run), 0, Array(count).fill(`k:${payload}`)),
    async bare(run, count, took) {
      const consumer = new Consumer({ clientId: 'bare', groupId: `bare-${run}`, bootstrapBrokers: [...kafka.servers] })
      consumer.topics.track(topic(run))
      // A commit from outside the group.
      consumer.generationId = -1
      consumer.memberId = ''
      const { topics } = await consumer.metadata({ topics: [topic(run)] })
      const { id: topicId = '', partitions = [] } = topics.get(topic(run)) ?? {}
      const place = { partition: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 1_048_576 }
      let fetchOffset = 0n
      while (fetchOffset < count) {
        const { responses } = await consumer.fetch({
          node: partitions[0]?.leader ?? 1,
          topics: [{ topicId, partitions: [{ ...place, fetchOffset }] }],
          maxWaitTime: 500,
          minBytes: 1,
        })
        const batches = responses.flatMap((response) => response.partitions.flatMap(({ records }) => records ?? []))
        const records = batches.reduce((sum, batch) => sum + batch.records.length, 0)
        for (let left = records; left > 0; left -= batchSize) {
          fetchOffset += BigInt(Math.min(left, batchSize))
          await consumer.commit({
            offsets: [{ topic: topic(run), partition: 0, offset: fetchOffset, leaderEpoch: -1 }],
          })
          took(Math.min(left, batchSize))
        }
      }
      await consumer.close()
    },
    [Symbol.asyncDispose]: () => kafka[Symbol.asyncDispose](),
  }
}

export async function redisSubject(): Promise<Subject> {
  const server = await startRedis()
  const client = new Redis(server.url)
  return {
    name: 'Redis stream',
    sources: sourcesOf({ kind: 'redis', url: server.url }),
    mapping: (run) => ({ eventSourceArn: `arn:aws:redis:us-east-1:${account}:stream/main/${run}` }),
    async fill(run, count) {
      await many(count, 128, () => client.xadd(run, '*', 'data', payload))
    },
    async bare(run, count, took) {
      await client.xgroup('CREATE', run, 'bare', '0')
      for (let handled = 0; handled < count; ) {
        const read = (await client.xreadgroup('GROUP', 'bare', 'one', 'COUNT', batchSize, 'STREAMS', run, '>')) as
          | [string, [string, string[]][]][]
          | null
        const ids = read?.[0]?.[1].map(([id]) => id) ?? []
        if (ids.length > 0) await client.xack(run, 'bare', ...ids)
        took(ids.length)
        handled += ids.length
      }
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await server[Symbol.asyncDispose]()
    },
  }
}

export async function rabbitmqSubject(): Promise<Subject> {
  const server = await startRabbitmq()
  const connection = await amqp.connect(server.url)
  return {
    name: 'RabbitMQ queue',
    sources: sourcesOf({ kind: 'rabbitmq', url: `${server.url}/` }),
    mapping: (run) => ({ eventSourceArn: `arn:aws:mq:us-east-1:${account}:broker:main`, queues: [run] }),
    async fill(run, count) {
      const channel = await connection.createConfirmChannel()
      await channel.assertQueue(run, { durable: true })
      for (let n = 0; n < count; n++) channel.sendToQueue(run, Buffer.from(payload), { persistent: true })
      await channel.waitForConfirms()
      await channel.close()
    },
    async bare(run, count, took) {
      const channel = await connection.createChannel()
      await channel.prefetch(1_000)
      await new Promise<void>((resolve) => {
        let handled = 0
        void channel.consume(run, (message) => {
          if (!message) return
          channel.ack(message)
          took(1)
          if (++handled === count) resolve()
        })
      })
      await channel.close()
    },
    async [Symbol.asyncDispose]() {
      await connection.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

export async function mqttSubject(): Promise<Subject> {
  const server = await startMosquitto()
  return {
    name: 'MQTT topic',
    live: true,
    sources: sourcesOf({ kind: 'mqtt', url: server.url }),
    mapping: (run) => ({
      eventSourceArn: `arn:aws:mqtt:us-east-1:${account}:topic/main/${run}`,
      startingPosition: 'LATEST',
    }),
    async fill(run, count) {
      await using client = await MqttClient.open(server.port, `fill-${run}`)
      await client.publish(run, payload, count)
    },
    async bare(run, count, took) {
      await using client = await MqttClient.open(server.port, `bare-${run}`)
      await client.subscribe(run, count, took)
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
