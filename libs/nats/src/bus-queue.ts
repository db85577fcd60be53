import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream'
import {
  type AccountId,
  consumers,
  err,
  limits,
  ok,
  parseBusSubject,
  type Result,
  streams,
  subjects,
} from '@weft/contracts'
import type { BusDelivery, BusEvent, BusPublisher, BusQueue } from '@weft/delivery'
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
  async put(account: AccountId, bus: string, event: BusEvent): Promise<Result<void, 'store-full' | 'unavailable'>> {
    const message = {
      subject: subjects.bus(account, bus),
      payload: new TextEncoder().encode(JSON.stringify(event)),
      messageId: `bus-${event.id}`,
      stream: streams.bus,
    }
    const stored = await publishStored(link.js, message, patience)
    if (stored.ok) return ok(undefined)
    return err(stored.error.kind === 'store-full' ? 'store-full' : 'unavailable')
  },
})

/** The events of all buses, shared by all pollers through one durable consumer. */
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
    const whose = parseBusSubject(message.subject)
    const event = readEvent(message.data)
    if (!whose || !event) {
      // Only the fabric writes here: this is a newer one's, which reads it when its time comes.
      log.error({ subject: message.subject }, 'an event of a bus cannot be read')
      hold.release(this.holdMs)
      return undefined
    }
    return {
      ...whose,
      event,
      storedAtMs: readDeliveryInfo(message.reply).storedAtMs,
      held: () => hold.held(),
      extend: () => hold.extend(),
      done: () => hold.ack(),
      release: (delayMs) => hold.release(delayMs),
    }
  }
}

function readEvent(data: Uint8Array): BusEvent | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(data)) as BusEvent
  } catch {
    return undefined
  }
}
