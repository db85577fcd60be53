import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JetStreamClient } from '@nats-io/jetstream'
import { Match } from '@nats-io/transport-node'
import { type AccountId, consumers, type EventEndRecord, limits, streams, subjects } from '@weft/contracts'
import {
  decodeEvent,
  type EventDelivery,
  type EventInbox,
  type EventLane,
  encodeEvent,
  type Settlement,
} from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'
import { deadLetterMessage, settlePatience } from './dead-letters.ts'
import { readDeliveryInfo } from './delivery-info.ts'
import { ensureConsumer } from './ensure-consumer.ts'
import { giveBack, Hold } from './hold.ts'
import type { NatsLink } from './link.ts'
import { publishOrThrow } from './publish.ts'
import { ConsumerMissing, ConsumerSilent, type Pulled, Puller } from './puller.ts'
import { Pulse } from './pulse.ts'
import { type ConsumerSight, looksStuck, sightOf } from './watchdog.ts'

export interface EventInboxOptions {
  readonly link: Pick<NatsLink, 'connection' | 'js' | 'jsm' | 'inboxPrefix'>
  readonly clock: Clock
  readonly log: Logger
  /** How long a delivery is held without an extension; 15,000 by default. Also how long a crash delays its events. */
  readonly holdMs?: number
  /** How long a pull waits for a first event; 5,000 by default. */
  readonly pullWaitMs?: number
}

/** Sixteen of the largest events. */
const pullBytes = 16 * (limits.asyncPayloadBytes + 65_536)

/** Two of so many empty pulls look at the consumer, one after the other: idle accounts must cost next to nothing. */
const watchEvery = 8

type Context = Required<EventInboxOptions> & { readonly pulse: Pulse }

/**
 * The queue of accepted events. Per account two lanes: its event stream, and its part of the retry stream; each one
 * durable consumer, shared by all instances of async-queue. Dispose when all lanes are.
 */
export function natsEventInbox(options: EventInboxOptions): EventInbox & Disposable {
  const { holdMs = 15_000, pullWaitMs = 5_000 } = options
  const pulse = Pulse.for(options.clock, holdMs)
  const context: Context = { ...options, holdMs, pullWaitMs, pulse }
  return {
    holdMs: context.holdMs,
    lanes: (account) => [
      new NatsLane(context, account, streams.events(account), consumers.asyncQueue),
      new NatsLane(context, account, streams.retries, consumers.retriesOf(account), subjects.retryOf(account)),
    ],
    [Symbol.dispose]: () => pulse.stop(),
  }
}

class NatsLane implements EventLane {
  readonly name: string
  readonly #context: Context
  readonly #account: AccountId
  readonly #stream: string
  readonly #consumer: Partial<ConsumerConfig> & { durable_name: string }
  #emptyPulls = 0
  #sight: ConsumerSight | undefined
  #open: { readonly puller: Puller; readonly streamCreatedAt: string } | undefined

  constructor(context: Context, account: AccountId, stream: string, consumer: string, filter?: string) {
    this.name = `${stream}/${consumer}`
    this.#context = context
    this.#account = account
    this.#stream = stream
    this.#consumer = {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: context.holdMs * 1_000_000,
      // Waiting retries are deliveries, too: a bound would let them stand before those that are due.
      max_ack_pending: -1,
      // Attempts are counted in the event; the broker's count would drop an event without a trace.
      max_deliver: -1,
      ...(filter !== undefined && { filter_subject: filter }),
    }
  }

  async pull(most: number, signal: AbortSignal): Promise<readonly EventDelivery[]> {
    const { puller, streamCreatedAt } = await this.#ensureOpen()
    try {
      const pulled = await puller.pull(most, this.#context.pullWaitMs, signal)
      if (pulled.length > 0) this.#emptyPulls = 0
      else if (!signal.aborted) await this.#watch()
      return pulled.map((one) => this.#delivery(one, streamCreatedAt))
    } catch (error) {
      if (error instanceof ConsumerMissing || error instanceof ConsumerSilent) this.#closePuller()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closePuller()
    // The server must have the returned messages before the connection may end.
    await this.#context.link.connection.flush().catch(() => {
      // Without a server they return when their hold runs out.
    })
  }

  async #ensureOpen(): Promise<{ readonly puller: Puller; readonly streamCreatedAt: string }> {
    if (this.#open) return this.#open
    const { link, clock, log, pulse } = this.#context
    const { created } = await link.jsm.streams.info(this.#stream)
    const made = await ensureConsumer(link.jsm, this.#stream, this.#consumer)
    if (made !== 'unchanged') log.info({ consumer: this.name, made }, 'consumer made ready')
    this.#open = {
      puller: new Puller({
        connection: link.connection,
        clock,
        pulse,
        stream: this.#stream,
        consumer: this.#consumer.durable_name,
        inboxPrefix: link.inboxPrefix,
        maxBytes: pullBytes,
      }),
      streamCreatedAt: created,
    }
    return this.#open
  }

  /** After a pull that brought nothing: is there nothing, or is the consumer stuck? */
  async #watch(): Promise<void> {
    const turn = this.#emptyPulls++ % watchEvery
    if (turn < watchEvery - 2) return
    if (turn === watchEvery - 2) this.#sight = undefined
    const { link, log } = this.#context
    const { durable_name: consumer } = this.#consumer
    const sight = sightOf(await link.jsm.consumers.info(this.#stream, consumer))
    const stuck = looksStuck(this.#sight, sight)
    this.#sight = sight
    if (!stuck) return
    log.error({ consumer: this.name, ...sight }, 'a consumer delivers nothing although it has messages; made anew')
    this.#closePuller()
    await link.jsm.consumers.delete(this.#stream, consumer)
  }

  #closePuller(): void {
    const left = this.#open?.puller.close() ?? []
    this.#open = undefined
    for (const { message } of left) if (message.reply) giveBack(this.#context.link.connection, message.reply, 0)
  }

  #delivery({ message, sentAfterMs }: Pulled, streamCreatedAt: string): EventDelivery {
    const { link, clock, holdMs } = this.#context
    const info = readDeliveryInfo(message.reply)
    const hold = new Hold(link.connection, clock, message.reply as string, sentAfterMs, holdMs)
    const event = decodeEvent(
      this.#account,
      message.subject,
      (name) => message.headers?.get(name, Match.IgnoreCase) || undefined,
      message.data,
      { stream: this.#stream, streamCreatedAt, sequence: info.streamSequence, storedAtMs: info.storedAtMs },
    )
    return {
      event,
      redelivered: info.deliveryCount > 1 && event.notBeforeMs === 0,
      held: () => hold.held(),
      extend: () => hold.extend(),
      release: (delayMs) => hold.release(delayMs),
      settle: (settlement) => settle(link.js, hold, settlement),
    }
  }
}

/**
 * Every write carries an id that is the same for all deliveries of this step of the event, so of two that settle it
 * within the stream's window one counts; and none writes after its hold has run out.
 */
async function settle(js: JetStreamClient, hold: Hold, settlement: Settlement): Promise<'settled' | 'lost'> {
  const writes = writesOf(settlement)
  for (const write of writes) {
    if (!hold.held()) return 'lost'
    await publishOrThrow(js, write, settlePatience)
  }
  if (!hold.held()) return 'lost'
  await hold.ack()
  return 'settled'
}

function writesOf(settlement: Settlement) {
  switch (settlement.kind) {
    case 'duplicate':
      return []
    case 'done':
      return [endMessage(settlement.end)]
    case 'dead':
      // The letter first: a record without its letter would be an event that is silently gone.
      return [deadLetterMessage(settlement.letter), endMessage(settlement.end)]
    case 'again': {
      const { event } = settlement
      return [{ ...encodeEvent(event, 'retry'), messageId: `${event.requestId}-${event.turn}` }]
    }
  }
}

const endMessage = (end: EventEndRecord) => ({
  subject: subjects.record(end.accountId, end.functionName),
  payload: new TextEncoder().encode(`${JSON.stringify({ type: 'event-end', ...end })}\n`),
  messageId: `end-${end.requestId}`,
})
