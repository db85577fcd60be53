import { type EventSourceMapping, err, ok } from '@weft/contracts'
import { type MappingSource, type MappingSources, type SourceRecord, sourceRecord } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import amqp, { type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib'
import { Arrival } from './arrival.ts'
import { brokerFor } from './broker-book.ts'
import type { BrokerOptions } from './broker-sources.ts'
import { reasonOf, unsharded } from './unsharded.ts'

/** Messages that the broker hands out ahead. */
const prefetch = 1_000
/** How long a message whose batch failed stays away, ms. */
const retryMs = 5_000

/** `arn:aws:mq:REGION:ACCOUNT:broker:BROKER`, as of Amazon MQ without the id. */
const brokerIn = (arn: string): string | undefined => /^arn:aws:mq:[a-z0-9-]+:\d{12}:broker:([\w-]+)$/.exec(arn)?.[1]

/** RabbitMQ queues: a message is acknowledged when it succeeded, and goes back to its queue when its connection ends. */
export function rabbitmqSources({ brokers, clock, log }: BrokerOptions): MappingSources {
  return unsharded(
    async (mapping) => {
      const name = brokerIn(mapping.eventSourceArn)
      const [queue] = mapping.queues ?? []
      if (name === undefined || queue === undefined)
        return err(`PROBLEM: ${mapping.eventSourceArn} needs one of Queues.`)
      const broker = brokerFor(brokers, mapping.accountId, 'rabbitmq', name)
      if (!broker.ok) return broker
      const url = broker.value.url as string
      let connection: ChannelModel
      try {
        connection = await amqp.connect(url)
      } catch (error) {
        return err(`PROBLEM: RabbitMQ ${name} cannot be used: ${reasonOf(error)}`)
      }
      connection.on('error', (error) => log.warn({ err: error, mapping: mapping.uuid }, 'rabbitmq'))
      const source = new RabbitmqSource(connection, mapping, queue, new URL(url).pathname.slice(1) || '/', clock)
      try {
        await source.start()
        return ok(source)
      } catch (error) {
        await source[Symbol.asyncDispose]()
        return err(`PROBLEM: Queue ${queue} cannot be read: ${reasonOf(error)}`)
      }
    },
    // The queue keeps no trace of its reader.
    async () => {},
  )
}

class RabbitmqSource implements MappingSource {
  readonly order = 'unordered'
  readonly incarnation: string
  readonly frame: MappingSource['frame']
  readonly batchInfo = 'RabbitMQBatchInfo'
  readonly visibilityMs = retryMs
  readonly #connection: ChannelModel
  readonly #queue: string
  readonly #group: string
  readonly #clock: Clock
  readonly #messages = new Map<SourceRecord, ConsumeMessage>()
  #channel: Channel | undefined
  #buffer: SourceRecord[] = []
  readonly #arrival: Arrival
  #lost: string | undefined
  #received = 0

  constructor(connection: ChannelModel, mapping: EventSourceMapping, queue: string, host: string, clock: Clock) {
    this.#connection = connection
    this.#queue = queue
    this.#group = `${queue}::${host === '/' ? '/' : decodeURIComponent(host)}`
    this.#clock = clock
    this.#arrival = new Arrival(clock)
    // Ids are of one connection: a message that is delivered again has another.
    this.incarnation = `${clock.now()}`
    this.frame = {
      kind: 'grouped',
      head: { eventSource: 'aws:rmq', eventSourceArn: mapping.eventSourceArn },
      member: 'rmqMessagesByQueue',
    }
  }

  async start(): Promise<void> {
    const channel = await this.#connection.createChannel()
    this.#channel = channel
    const lose = (reason: string) => () => {
      this.#lost ??= reason
      this.#arrival.tell()
    }
    // Told by the promise of whatever was under way, too.
    channel.on('error', lose('the channel failed'))
    channel.on('close', lose('the channel was closed'))
    this.#connection.on('close', lose('the connection was closed'))
    await channel.prefetch(prefetch)
    await channel.checkQueue(this.#queue)
    await channel.consume(this.#queue, (message) => {
      if (message === null) return lose('the queue was deleted')()
      const record = this.#record(message)
      this.#messages.set(record, message)
      this.#buffer.push(record)
      this.#arrival.tell()
    })
  }

  async read(most: number, waitMs: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    this.#mustHold()
    if (this.#buffer.length === 0 && !signal.aborted) await this.#arrival.wait(waitMs, signal)
    this.#mustHold()
    return this.#buffer.splice(0, most)
  }

  held(): boolean {
    return this.#lost === undefined
  }

  async extend(): Promise<void> {}

  async settle(records: readonly SourceRecord[]): Promise<void> {
    this.#mustHold()
    for (const record of records) {
      const message = this.#messages.get(record)
      this.#messages.delete(record)
      if (message) this.#channel?.ack(message)
    }
  }

  giveBack(record: SourceRecord, delayMs: number): void {
    const message = this.#messages.get(record)
    this.#messages.delete(record)
    if (!message) return
    this.#clock.schedule(delayMs, () => {
      if (this.#lost === undefined) this.#channel?.nack(message, false, true)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lost ??= 'closed'
    try {
      await this.#connection.close()
    } catch {
      // It is closed already: the broker has taken back what was not acknowledged.
    }
  }

  #record({ content, fields, properties }: ConsumeMessage): SourceRecord {
    const id = properties.messageId ? `${properties.messageId}` : `${++this.#received}`
    const data = content.toString('base64')
    const about = { basicProperties: basicOf(properties, content.length), redelivered: fields.redelivered }
    const storedAtMs = typeof properties.timestamp === 'number' ? properties.timestamp * 1_000 : this.#clock.now()
    return sourceRecord(
      {
        id,
        storedAtMs,
        orderKey: '',
        group: this.#group,
        view: { members: about, payload: { member: 'data', bytes: content } },
        receiveCount: deliveriesOf(properties, fields.redelivered),
        raw: content,
      },
      { ...about, data },
    )
  }

  #mustHold(): void {
    if (this.#lost !== undefined) throw new Error(`the queue ${this.#queue} is lost: ${this.#lost}`)
  }
}

/** Quorum queues count deliveries; others only tell that there was one before. */
function deliveriesOf({ headers }: ConsumeMessage['properties'], redelivered: boolean): number {
  const count: unknown = headers?.['x-delivery-count']
  return typeof count === 'number' ? count + 1 : redelivered ? 2 : 1
}

/** As of Amazon MQ (developer guide, with-mq): a missing property is null. */
const basicOf = (properties: ConsumeMessage['properties'], bodySize: number) => ({
  contentType: properties.contentType ?? null,
  contentEncoding: properties.contentEncoding ?? null,
  headers: properties.headers ?? {},
  deliveryMode: properties.deliveryMode ?? null,
  priority: properties.priority ?? null,
  correlationId: properties.correlationId ?? null,
  replyTo: properties.replyTo ?? null,
  expiration: properties.expiration ?? null,
  messageId: properties.messageId ?? null,
  timestamp: properties.timestamp ?? null,
  type: properties.type ?? null,
  userId: properties.userId ?? null,
  appId: properties.appId ?? null,
  clusterId: properties.clusterId ?? null,
  bodySize,
})
