import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream'
import { limits } from '@weft/contracts'
import type { BusDelivery, BusQueue, Posted } from '@weft/delivery'
import { type Clock, delay, type Logger } from '@weft/platform'
import { readDeliveryInfo } from './delivery-info.ts'
import { ensureConsumer } from './ensure-consumer.ts'
import { giveBack, Hold } from './hold.ts'
import type { NatsLink } from './link.ts'
import { ConsumerMissing, ConsumerSilent, type Pulled, Puller } from './puller.ts'
import { Pulse } from './pulse.ts'

/** Where posts come from. */
export interface PostSource {
  readonly stream: string
  readonly consumer: string
  /** What of the stream is followed, from when it is first asked for; absent: all of it, from its beginning. */
  readonly subjects?: () => readonly string[]
  /** Undefined: a newer fabric wrote it. */
  read(subject: string, data: Uint8Array, sequence: number): Posted | undefined
}

export interface PostQueueOptions {
  readonly link: Pick<NatsLink, 'connection' | 'jsm' | 'inboxPrefix'>
  readonly source: PostSource
  readonly clock: Clock
  readonly log: Logger
  /** How long a post is held without an extension; 15,000 by default. */
  readonly holdMs?: number
}

const pullBytes = 64 * limits.busEventBytes

/** What was posted, of one stream, shared by all pollers through one durable consumer. */
export class NatsPostQueue implements BusQueue, Disposable {
  readonly holdMs: number
  readonly #options: PostQueueOptions
  readonly #pulse: Pulse
  #puller: Puller | undefined
  /** What the consumer was last told to follow. */
  #followed = ''

  constructor(options: PostQueueOptions) {
    this.#options = options
    this.holdMs = options.holdMs ?? 15_000
    this.#pulse = Pulse.for(options.clock, this.holdMs)
  }

  async pull(most: number, waitMs: number, signal: AbortSignal): Promise<readonly BusDelivery[]> {
    const { source, clock } = this.#options
    const wanted = source.subjects?.()
    if (wanted?.length === 0) {
      await delay(clock, waitMs, signal)
      return []
    }
    if (wanted && wanted.join() !== this.#followed) this.#close()
    const puller = await this.#open(wanted)
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

  async #open(wanted: readonly string[] | undefined): Promise<Puller> {
    if (this.#puller) return this.#puller
    const { link, clock, source } = this.#options
    const { stream, consumer } = source
    await ensureConsumer(link.jsm, stream, {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: wanted ? DeliverPolicy.New : DeliverPolicy.All,
      ...(wanted && { filter_subjects: [...wanted] }),
      ack_wait: this.holdMs * 1_000_000,
      max_ack_pending: -1,
      max_deliver: -1,
    })
    this.#puller = new Puller({
      ...{ connection: link.connection, clock, pulse: this.#pulse, inboxPrefix: link.inboxPrefix },
      ...{ stream, consumer, maxBytes: pullBytes },
    })
    this.#followed = wanted?.join() ?? ''
    return this.#puller
  }

  #close(): void {
    const left = this.#puller?.close() ?? []
    this.#puller = undefined
    for (const { message } of left) if (message.reply) giveBack(this.#options.link.connection, message.reply, 0)
  }

  #delivery({ message, sentAfterMs }: Pulled): BusDelivery | undefined {
    const { link, clock, log, source } = this.#options
    const { storedAtMs, streamSequence, deliveryCount } = readDeliveryInfo(message.reply)
    const hold = new Hold(link.connection, clock, message.reply as string, sentAfterMs, this.holdMs)
    const posted = source.read(message.subject, message.data, streamSequence)
    if (!posted) {
      // Only the fabric writes here: this is a newer one's, which reads it when its time comes.
      log.error({ subject: message.subject }, 'what was posted cannot be read')
      hold.release(this.holdMs)
      return undefined
    }
    return {
      posted,
      storedAtMs,
      deliveries: deliveryCount,
      held: () => hold.held(),
      extend: () => hold.extend(),
      done: () => hold.ack(),
      release: (delayMs) => hold.release(delayMs),
    }
  }
}
