import { AckPolicy, type ConsumerConfig, DeliverPolicy, RetentionPolicy } from '@nats-io/jetstream'
import { consumers, type EventSourceMapping, err, ok, parseJetStreamArn } from '@weft/contracts'
import type { MappingSource, MappingSources, SourceRecord } from '@weft/delivery'
import { type Clock, delay, type Logger } from '@weft/platform'
import type { AccountLinks } from './dead-letters.ts'
import { readDeliveryInfo } from './delivery-info.ts'
import { ensureConsumer, isMissingConsumer, isMissingStream } from './ensure-consumer.ts'
import { ackBytes, holdRequestMs, safeHoldMs, workingBytes } from './hold.ts'
import type { NatsLink } from './link.ts'
import { type Pulled, Puller } from './puller.ts'
import { Pulse } from './pulse.ts'

export interface MappingSourcesOptions {
  readonly links: Pick<AccountLinks, 'reader'>
  readonly clock: Clock
  readonly log: Logger
  /** How long records are held without an extension, ms; 30,000 by default. */
  readonly holdMs?: number
}

/** More than the largest message (8 MB) and than the largest batch. */
const pullBytes = 9 * 1024 * 1024
const nanos = 1_000_000
/** The server looks at changed ack waits a tenth of a second after the change. */
const expiryPassMs = 300

/** What was read cannot be told from what was lost: the source must be opened again. */
export class SourceLost extends Error {}

/**
 * Mappings read an account's stream through a durable consumer of the account, whose ack floor is the checkpoint.
 * Dispose when all sources are.
 */
export function natsMappingSources(options: MappingSourcesOptions): MappingSources & Disposable {
  const { holdMs = 30_000 } = options
  const context: Context = { ...options, holdMs, pulse: Pulse.for(options.clock, holdMs), checkpoints: new Map() }
  return {
    holdMs: context.holdMs,
    open: (mapping) => openSource(context, mapping),
    async remove(mapping) {
      context.checkpoints.delete(mapping.uuid)
      const arn = parseJetStreamArn(mapping.eventSourceArn)
      if (!arn.ok) return
      const link = await context.links.reader(mapping.accountId)
      try {
        await link.jsm.consumers.delete(arn.value.name, consumers.mapping(mapping.uuid))
      } catch (error) {
        if (!isMissingConsumer(error) && !isMissingStream(error)) throw error
      }
    },
    [Symbol.dispose]: () => context.pulse.stop(),
  }
}

type Context = Required<MappingSourcesOptions> & {
  readonly pulse: Pulse
  /** Last settled sequence by mapping, for a consumer that is deleted while this process runs. */
  readonly checkpoints: Map<string, { readonly streamCreatedAt: string; readonly sequence: number }>
}

async function openSource(context: Context, mapping: EventSourceMapping) {
  const arn = parseJetStreamArn(mapping.eventSourceArn)
  if (!arn.ok || arn.value.kind !== 'stream') return err(`PROBLEM: ${mapping.eventSourceArn} is no JetStream stream.`)
  if (arn.value.accountId !== mapping.accountId)
    return err(`PROBLEM: ${mapping.eventSourceArn} belongs to another account.`)
  const stream = arn.value.name
  const link = await context.links.reader(mapping.accountId)
  try {
    const info = await link.jsm.streams.info(stream)
    const explicit = info.config.retention === RetentionPolicy.Workqueue
    const wanted = consumerOf(context, mapping, info.created, explicit)
    const made = await ensureConsumer(link.jsm, stream, wanted)
    if (made === 'created' && mapping.state === 'Enabled')
      context.log.warn({ mapping: mapping.uuid, from: wanted.deliver_policy }, 'the consumer of a mapping was missing')
    const delivered = await settledStart(context, link, stream, wanted)
    return ok(new NatsMappingSource(context, link, mapping.uuid, stream, info.created, explicit, delivered))
  } catch (error) {
    if (isMissingStream(error)) return err(`PROBLEM: Stream ${stream} does not exist.`)
    throw error
  }
}

type WantedConsumer = Partial<ConsumerConfig> & { readonly durable_name: string; readonly ack_wait: number }

function consumerOf(
  context: Context,
  mapping: EventSourceMapping,
  streamCreatedAt: string,
  explicit: boolean,
): WantedConsumer {
  const known = context.checkpoints.get(mapping.uuid)
  return {
    durable_name: consumers.mapping(mapping.uuid),
    // One confirmed ack then settles a whole batch. Work queues take single acks only, and begin at their first message.
    ack_policy: explicit ? AckPolicy.Explicit : AckPolicy.All,
    ack_wait: context.holdMs * nanos,
    max_ack_pending: -1,
    max_deliver: -1,
    ...(mapping.filterSubjects.length > 0 && { filter_subjects: [...mapping.filterSubjects] }),
    ...(explicit
      ? { deliver_policy: DeliverPolicy.All }
      : known?.streamCreatedAt === streamCreatedAt
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: known.sequence + 1 }
        : startOf(mapping)),
  }
}

function startOf(mapping: EventSourceMapping): Partial<ConsumerConfig> {
  switch (mapping.startingPosition) {
    case 'TRIM_HORIZON':
      return { deliver_policy: DeliverPolicy.All }
    case 'LATEST':
      return { deliver_policy: DeliverPolicy.New }
    case 'AT_TIMESTAMP':
      return {
        deliver_policy: DeliverPolicy.StartTime,
        opt_start_time: new Date(mapping.startingPositionTimestampMs ?? 0).toISOString(),
      }
  }
}

/**
 * Makes deliveries that nobody settled come again, first and in order; resolves to the consumer's sequence of
 * deliveries so far. Left alone, each would return when its own ack wait ends, some of them after newer records. A very
 * short ack wait, for a moment, ends the wait of all together.
 */
async function settledStart(context: Context, link: NatsLink, stream: string, wanted: WantedConsumer): Promise<number> {
  const { num_ack_pending: pending } = await link.jsm.consumers.info(stream, wanted.durable_name)
  if (pending > 0) {
    await link.jsm.consumers.update(stream, wanted.durable_name, { ack_wait: nanos })
    await delay(context.clock, expiryPassMs)
    await link.jsm.consumers.update(stream, wanted.durable_name, { ack_wait: wanted.ack_wait })
  }
  return (await link.jsm.consumers.info(stream, wanted.durable_name)).delivered.consumer_seq
}

interface Unsettled {
  readonly sequence: number
  readonly reply: string
  /** Monotonic ms until which the server surely does not deliver it again. */
  until: number
}

class NatsMappingSource implements MappingSource {
  readonly streamCreatedAt: string
  readonly #context: Context
  readonly #link: NatsLink
  readonly #uuid: string
  readonly #explicit: boolean
  readonly #puller: Puller
  #unsettled: Unsettled[] = []
  #deliveries: number
  #lastSequence = 0
  #lost: string | undefined

  constructor(
    context: Context,
    link: NatsLink,
    uuid: string,
    stream: string,
    streamCreatedAt: string,
    explicit: boolean,
    deliveries: number,
  ) {
    this.#context = context
    this.#link = link
    this.#uuid = uuid
    this.streamCreatedAt = streamCreatedAt
    this.#explicit = explicit
    this.#deliveries = deliveries
    this.#puller = new Puller({
      connection: link.connection,
      clock: context.clock,
      pulse: context.pulse,
      stream,
      consumer: consumers.mapping(uuid),
      inboxPrefix: link.inboxPrefix,
      maxBytes: pullBytes,
    })
  }

  async read(most: number, waitMs: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    this.#mustHold()
    const pulled = await this.#puller.pull(most, waitMs, signal)
    const records = pulled.map((one) => this.#record(one))
    this.#mustHold()
    return records
  }

  held(): boolean {
    const now = this.#context.clock.monotonic()
    return this.#lost === undefined && this.#unsettled.every((one) => now < one.until)
  }

  async extend(): Promise<void> {
    const { connection } = this.#link
    const extended = [...this.#unsettled]
    const last = extended.at(-1)
    if (!last || !this.held()) return
    const until = this.#context.clock.monotonic() + safeHoldMs(this.#context.holdMs)
    try {
      for (const { reply } of extended.slice(0, -1)) connection.publish(reply, workingBytes)
      // Answered after those before it, which came over the same connection.
      await connection.request(last.reply, workingBytes, { timeout: holdRequestMs })
    } catch {
      // Unanswered: perhaps extended, not surely.
      return
    }
    for (const one of extended) one.until = until
  }

  async checkpoint(record: SourceRecord): Promise<void> {
    this.#mustHold()
    const settled = this.#unsettled.filter((one) => one.sequence <= record.sequence)
    const last = settled.at(-1)
    if (last?.sequence !== record.sequence) throw new Error(`record ${record.sequence} is not held`)
    if (this.#explicit) for (const { reply } of settled.slice(0, -1)) this.#link.connection.publish(reply, ackBytes)
    await this.#link.connection.request(last.reply, ackBytes, { timeout: holdRequestMs })
    this.#unsettled = this.#unsettled.slice(settled.length)
    this.#context.checkpoints.set(this.#uuid, {
      streamCreatedAt: this.streamCreatedAt,
      sequence: record.sequence,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Unsettled records are made to come again by whoever opens the source next.
    this.#lost ??= 'closed'
    this.#puller.close()
  }

  /** A gap in the deliveries would be settled unseen by the next checkpoint, so it ends this reader. */
  #record({ message, sentAfterMs }: Pulled): SourceRecord {
    const info = readDeliveryInfo(message.reply)
    if (info.consumerSequence !== this.#deliveries + 1)
      this.#lost ??= `delivery ${info.consumerSequence} after ${this.#deliveries}`
    if (info.streamSequence <= this.#lastSequence)
      this.#lost ??= `record ${info.streamSequence} after ${this.#lastSequence}`
    this.#deliveries = info.consumerSequence
    this.#lastSequence = info.streamSequence
    this.#unsettled.push({
      sequence: info.streamSequence,
      reply: message.reply as string,
      until: sentAfterMs + safeHoldMs(this.#context.holdMs),
    })
    const headers: Record<string, readonly string[]> = Object.create(null)
    for (const name of message.headers?.keys() ?? []) headers[name] = message.headers?.values(name) ?? []
    return {
      subject: message.subject,
      sequence: info.streamSequence,
      storedAtMs: info.storedAtMs,
      headers,
      data: message.data,
    }
  }

  #mustHold(): void {
    if (!this.held()) throw new SourceLost(this.#lost ?? 'records were held too long')
  }
}
