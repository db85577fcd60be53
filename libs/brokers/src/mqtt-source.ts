import { type EventSourceMapping, err, ok } from '@weft/contracts'
import { type MappingSource, type MappingSources, type SourceRecord, sourceRecord } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { IPublishPacket } from 'mqtt-packet'
import { Arrival } from './arrival.ts'
import { brokerFor } from './broker-book.ts'
import type { BrokerOptions } from './broker-sources.ts'
import { MqttSession } from './mqtt-session.ts'
import { reasonOf, unsharded } from './unsharded.ts'

interface MqttArn {
  readonly region: string
  readonly broker: string
  /** May have `+` and `#`. */
  readonly topic: string
}

/** `arn:aws:mqtt:REGION:ACCOUNT:topic/BROKER/TOPIC`. */
function parseArn(arn: string): MqttArn | undefined {
  const [, region, broker, topic] = /^arn:aws:mqtt:([a-z0-9-]+):\d{12}:topic\/([\w-]+)\/(.{1,512})$/.exec(arn) ?? []
  return region && broker && topic ? { region, broker, topic } : undefined
}

const clientOf = ({ uuid }: EventSourceMapping): string => `weft-${uuid}`

/**
 * MQTT topics, subscribed with QoS 1 in a session of the mapping that the broker keeps: what comes while nobody reads, and
 * what was not acknowledged, comes with the next connection.
 */
export function mqttSources({ brokers, clock }: BrokerOptions): MappingSources {
  const reach = (mapping: EventSourceMapping) => {
    const arn = parseArn(mapping.eventSourceArn)
    if (!arn) return err(`PROBLEM: ${mapping.eventSourceArn} is no MQTT topic.`)
    const broker = brokerFor(brokers, mapping.accountId, 'mqtt', arn.broker)
    return broker.ok ? ok({ arn, url: broker.value.url as string }) : broker
  }
  return unsharded(
    async (mapping) => {
      const reached = reach(mapping)
      if (!reached.ok) return reached
      const { arn, url } = reached.value
      try {
        return ok(await MqttSource.open(url, arn, mapping, clock))
      } catch (error) {
        return err(`PROBLEM: MQTT ${arn.broker} cannot be used: ${reasonOf(error)}`)
      }
    },
    async (mapping) => {
      const reached = reach(mapping)
      if (!reached.ok) return
      const { url } = reached.value
      const none = { onMessage: () => {}, onLost: () => {} }
      // A clean session takes the place of the one that was kept, and ends with its connection.
      const session = await MqttSession.open({ url, clientId: clientOf(mapping), clean: true, clock, ...none })
      session.close()
    },
  )
}

class MqttSource implements MappingSource {
  readonly order = 'ordered'
  readonly frame = { kind: 'records' } as const
  readonly batchInfo = 'MqttBatchInfo'
  readonly visibilityMs = 0
  readonly incarnation: string
  readonly #arn: MqttArn
  readonly #mapping: EventSourceMapping
  readonly #clock: Clock
  /** Ids of messages that are to be acknowledged. */
  readonly #unsettled = new WeakMap<SourceRecord, number>()
  #session: MqttSession | undefined
  #buffer: SourceRecord[] = []
  readonly #arrival: Arrival
  #count = 0

  private constructor(arn: MqttArn, mapping: EventSourceMapping, clock: Clock) {
    this.#arn = arn
    this.#mapping = mapping
    this.#clock = clock
    this.#arrival = new Arrival(clock)
    // Ids are of one connection: a message that comes again has another.
    this.incarnation = `${clock.now()}`
  }

  static async open(url: string, arn: MqttArn, mapping: EventSourceMapping, clock: Clock): Promise<MqttSource> {
    const source = new MqttSource(arn, mapping, clock)
    const session = await MqttSession.open({
      url,
      clientId: clientOf(mapping),
      clean: false,
      clock,
      onMessage: (message) => source.#take(message),
      onLost: () => source.#arrival.tell(),
    })
    source.#session = session
    await session.subscribe(arn.topic)
    return source
  }

  async read(most: number, waitMs: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    this.#mustHold()
    if (this.#buffer.length === 0 && !signal.aborted) await this.#arrival.wait(waitMs, signal)
    this.#mustHold()
    return this.#buffer.splice(0, most)
  }

  held(): boolean {
    return this.#session?.lost === undefined
  }

  async extend(): Promise<void> {}

  async settle(records: readonly SourceRecord[]): Promise<void> {
    this.#mustHold()
    for (const record of records) {
      const id = this.#unsettled.get(record)
      if (id !== undefined) this.#session?.acknowledge(id)
    }
  }

  giveBack(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.close()
  }

  #take({ topic, payload, qos, retain, dup, messageId }: IPublishPacket): void {
    const id = `${++this.#count}`
    const data = Buffer.from(payload)
    const storedAtMs = this.#clock.now()
    const about = { topic, qos, retain, duplicate: dup }
    const record = sourceRecord(
      {
        id,
        storedAtMs,
        orderKey: topic,
        view: { members: about, payload: { member: 'data', bytes: data } },
        receiveCount: dup ? 2 : 1,
        raw: data,
      },
      {
        eventID: `${this.incarnation}:${id}`,
        eventName: 'weft:mqtt:message',
        eventVersion: '1.0',
        eventSource: 'aws:mqtt',
        awsRegion: this.#arn.region,
        eventSourceARN: this.#mapping.eventSourceArn,
        mqtt: { ...about, approximateArrivalTimestamp: storedAtMs / 1_000, data: data.toString('base64') },
      },
    )
    if (qos > 0 && messageId !== undefined) this.#unsettled.set(record, messageId)
    this.#buffer.push(record)
    this.#arrival.tell()
  }

  #mustHold(): void {
    if (!this.held()) throw new Error(`the topic ${this.#arn.topic} is lost: ${this.#session?.lost}`)
  }
}
