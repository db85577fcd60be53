import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream'
import {
  consumers,
  err,
  limits,
  ok,
  parseBusSubject,
  parseTopicSubject,
  type Result,
  streams,
  subjects,
} from '@weft/contracts'
import type {
  BusDelivery,
  BusEvent,
  BusPublisher,
  BusQueue,
  Posted,
  TopicMessage,
  TopicPublisher,
} from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'
import { readDeliveryInfo } from './delivery-info.ts'
import { ensureConsumer } from './ensure-consumer.ts'
import { giveBack, Hold } from './hold.ts'
import type { NatsLink } from './link.ts'
import { type PublishPatience, publishStored } from './publish.ts'
import { ConsumerMissing, ConsumerSilent, type Pulled, Puller } from './puller.ts'
import { Pulse } from './pulse.ts'

export interface BusQueueOptions {
  readonly link: Pick<NatsLink, 'connection' | 'jsm' | 'inboxPrefix'>
  readonly clock: Clock
  readonly log: Logger
  /** How long an event is held without an extension; 15,000 by default. */
  readonly holdMs?: number
}

const patience: PublishPatience = { budgetMs: 8_000, timeoutMs: 2_000 }
const pullBytes = 64 * limits.busEventBytes

/** Puts events on their buses. An event is stored once, however often it is put. */
export const natsBusPublisher = (link: Pick<NatsLink, 'js'>): BusPublisher => ({
  put: (account, bus, event) => post(link, subjects.bus(account, bus), event, `bus-${event.id}`),
})

/** Publishes messages to topics, each once, however often it is published. */
export const natsTopicPublisher = (link: Pick<NatsLink, 'js'>): TopicPublisher => ({
  publish: (account, topic, message) => post(link, subjects.topic(account, topic), message, `topic-${message.id}`),
})

async function post(
  link: Pick<NatsLink, 'js'>,
  subject: string,
  what: BusEvent | TopicMessage,
  messageId: string,
): Promise<Result<void, 'store-full' | 'unavailable'>> {
  const payload = new TextEncoder().encode(JSON.stringify(what))
  const stored = await publishStored(link.js, { subject, payload, messageId, stream: streams.bus }, patience)
  if (stored.ok) return ok(undefined)
  return err(stored.error.kind === 'store-full' ? 'store-full' : 'unavailable')
}

/** The events of all buses and the messages of all topics, shared by all pollers through one durable consumer. */
export class NatsBusQueue implements BusQueue, Disposable {
  readonly holdMs: number
  readonly #options: BusQueueOptions
  readonly #pulse: Pulse
  #puller: Puller | undefined

  constructor(options: BusQueueOptions) {
    this.#options = options
    this.holdMs = options.holdMs ?? 15_000
    this.#pulse = Pulse.for(options.clock, this.holdMs)
  }

  async pull(most: number, waitMs: number, signal: AbortSignal): Promise<readonly BusDelivery[]> {
    const puller = await this.#open()
    try {
      return (await puller.pull(most, waitMs, signal)).flatMap((pulled) => this.#delivery(pulled) ?? [])
    } catch (error) {
      if (error instanceof ConsumerMissing || error instanceof ConsumerSilent) this.#close()
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#close()
    this.#pulse.stop()
  }

  async #open(): Promise<Puller> {
    if (this.#puller) return this.#puller
    const { link, clock } = this.#options
    await ensureConsumer(link.jsm, streams.bus, {
      durable_name: consumers.rules,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: this.holdMs * 1_000_000,
      max_ack_pending: -1,
      max_deliver: -1,
    })
    this.#puller = new Puller({
      ...{ connection: link.connection, clock, pulse: this.#pulse, inboxPrefix: link.inboxPrefix },
      ...{ stream: streams.bus, consumer: consumers.rules, maxBytes: pullBytes },
    })
    return this.#puller
  }

  #close(): void {
    const left = this.#puller?.close() ?? []
    this.#puller = undefined
    for (const { message } of left) if (message.reply) giveBack(this.#options.link.connection, message.reply, 0)
  }

  #delivery({ message, sentAfterMs }: Pulled): BusDelivery | undefined {
    const { link, clock, log } = this.#options
    const hold = new Hold(link.connection, clock, message.reply as string, sentAfterMs, this.holdMs)
    const posted = readPosted(message.subject, message.data)
    if (!posted) {
      // Only the fabric writes here: this is a newer one's, which reads it when its time comes.
      log.error({ subject: message.subject }, 'what was put on a bus or topic cannot be read')
      hold.release(this.holdMs)
      return undefined
    }
    return {
      posted,
      storedAtMs: readDeliveryInfo(message.reply).storedAtMs,
      held: () => hold.held(),
      extend: () => hold.extend(),
      done: () => hold.ack(),
      release: (delayMs) => hold.release(delayMs),
    }
  }
}

function readPosted(subject: string, data: Uint8Array): Posted | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data))
    const bus = parseBusSubject(subject)
    if (bus) return { kind: 'event', ...bus, event: value as BusEvent }
    const topic = parseTopicSubject(subject)
    return topic && { kind: 'message', ...topic, message: value as TopicMessage }
  } catch {
    return undefined
  }
}
