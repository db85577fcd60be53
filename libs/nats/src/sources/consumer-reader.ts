import { consumers } from '@weft/contracts'
import { SettledFloor, type StreamMessage } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import { readDeliveryInfo } from '../delivery-info.ts'
import { ackBytes, giveBack, holdRequestMs, safeHoldMs, workingBytes } from '../hold.ts'
import type { NatsLink } from '../link.ts'
import { type Pulled, Puller } from '../puller.ts'
import type { Pulse } from '../pulse.ts'

/** What was read cannot be told from what was lost: the source must be opened again. */
export class SourceLost extends Error {}

/** More than the largest message (8 MB) and than the largest batch. */
const pullBytes = 9 * 1024 * 1024

export interface ConsumerReaderOptions {
  readonly link: NatsLink
  readonly clock: Clock
  readonly pulse: Pulse
  readonly stream: string
  readonly uuid: string
  readonly holdMs: number
  /** Each message is acknowledged for itself; otherwise one acknowledgement settles all up to its message. */
  readonly explicit: boolean
  /** A gap in the deliveries, or a message before an earlier one, ends the reader. */
  readonly inOrder: boolean
  /** The consumer's count of deliveries when the reader begins. */
  readonly deliveries: number
  /** Told when the position of a consumer that acknowledges all has moved. */
  readonly onFloor?: (sequence: number) => void
}

interface Unsettled {
  readonly sequence: number
  readonly reply: string
  /** Monotonic ms until which the server surely does not deliver it again. */
  until: number
}

/** Reads a mapping's durable consumer and keeps what it read until it is settled or given back. */
export class ConsumerReader {
  readonly #options: ConsumerReaderOptions
  readonly #puller: Puller
  readonly #unsettled = new Map<number, Unsettled>()
  readonly #floor = new SettledFloor()
  /** How far all is settled, until the server has acknowledged it. */
  #reached: number | undefined
  #deliveries: number
  #lastSequence = 0
  #lost: string | undefined

  constructor(options: ConsumerReaderOptions) {
    const { link, clock, pulse, stream, uuid } = options
    this.#options = options
    this.#deliveries = options.deliveries
    this.#puller = new Puller({
      connection: link.connection,
      clock,
      pulse,
      stream,
      consumer: consumers.mapping(uuid),
      inboxPrefix: link.inboxPrefix,
      maxBytes: pullBytes,
    })
  }

  async read(most: number, waitMs: number, signal: AbortSignal): Promise<readonly StreamMessage[]> {
    this.#mustHold()
    const pulled = await this.#puller.pull(most, waitMs, signal)
    const messages = pulled.map((one) => this.#take(one))
    this.#mustHold()
    return messages
  }

  held(): boolean {
    const now = this.#options.clock.monotonic()
    return this.#lost === undefined && [...this.#unsettled.values()].every((one) => now < one.until)
  }

  async extend(): Promise<void> {
    const { link, clock, holdMs } = this.#options
    const extended = [...this.#unsettled.values()]
    const last = extended.at(-1)
    if (!last || !this.held()) return
    const until = clock.monotonic() + safeHoldMs(holdMs)
    try {
      for (const { reply } of extended.slice(0, -1)) link.connection.publish(reply, workingBytes)
      // Answered after those before it, which came over the same connection.
      await link.connection.request(last.reply, workingBytes, { timeout: holdRequestMs })
    } catch {
      // Unanswered: perhaps extended, not surely.
      return
    }
    for (const one of extended) one.until = until
  }

  async settle(sequences: readonly number[]): Promise<void> {
    this.#mustHold()
    if (sequences.length === 0) return
    if (this.#options.explicit) await this.#acknowledge(sequences.map((sequence) => this.#unsettledOf(sequence)))
    else await this.#moveFloor(sequences)
  }

  /** Explicit only: the message is delivered again after the delay. */
  giveBack(sequence: number, delayMs: number): void {
    const one = this.#unsettled.get(sequence)
    if (!one) return
    this.#unsettled.delete(sequence)
    giveBack(this.#options.link.connection, one.reply, delayMs)
  }

  /** What was delivered and not handed out, or not settled, comes again to whoever opens the source next. */
  close(): void {
    const handedOut = this.#lost === undefined && this.#options.explicit && !this.#options.inOrder
    this.#lost ??= 'closed'
    const left = this.#puller.close()
    if (!handedOut) return
    const replies = [...left.map(({ message }) => message.reply as string), ...this.#replies()]
    for (const reply of replies) giveBack(this.#options.link.connection, reply, 0)
  }

  #replies(): readonly string[] {
    return [...this.#unsettled.values()].map(({ reply }) => reply)
  }

  async #acknowledge(settled: readonly Unsettled[]): Promise<void> {
    const { connection } = this.#options.link
    const last = settled.at(-1) as Unsettled
    for (const { reply } of settled.slice(0, -1)) connection.publish(reply, ackBytes)
    await connection.request(last.reply, ackBytes, { timeout: holdRequestMs })
    for (const { sequence } of settled) this.#unsettled.delete(sequence)
  }

  /** After a failure the same may be asked again: what the server was not told of yet is told then. */
  async #moveFloor(sequences: readonly number[]): Promise<void> {
    this.#reached = this.#floor.settle(sequences) ?? this.#reached
    const reached = this.#reached
    if (reached === undefined) return
    await this.#options.link.connection.request(this.#unsettledOf(reached).reply, ackBytes, { timeout: holdRequestMs })
    for (const sequence of [...this.#unsettled.keys()]) if (sequence <= reached) this.#unsettled.delete(sequence)
    // Another lane may have come further meanwhile.
    if (this.#reached !== reached) return
    this.#reached = undefined
    this.#options.onFloor?.(reached)
  }

  #unsettledOf(sequence: number): Unsettled {
    const one = this.#unsettled.get(sequence)
    if (!one) throw new Error(`message ${sequence} is not held`)
    return one
  }

  #take({ message, sentAfterMs }: Pulled): StreamMessage {
    const info = readDeliveryInfo(message.reply)
    const { streamSequence: sequence, consumerSequence, deliveryCount, storedAtMs } = info
    if (this.#options.inOrder) {
      // A gap would be settled unseen by the next acknowledgement of all.
      if (consumerSequence !== this.#deliveries + 1)
        this.#lost ??= `delivery ${consumerSequence} after ${this.#deliveries}`
      if (sequence <= this.#lastSequence) this.#lost ??= `message ${sequence} after ${this.#lastSequence}`
      this.#deliveries = consumerSequence
      this.#lastSequence = sequence
      if (!this.#options.explicit && this.#lost === undefined) this.#floor.add(sequence)
    }
    const until = sentAfterMs + safeHoldMs(this.#options.holdMs)
    this.#unsettled.set(sequence, { sequence, reply: message.reply as string, until })
    const headers: Record<string, readonly string[]> = Object.create(null)
    for (const name of message.headers?.keys() ?? []) headers[name] = message.headers?.values(name) ?? []
    return { subject: message.subject, sequence, storedAtMs, headers, data: message.data, deliveries: deliveryCount }
  }

  #mustHold(): void {
    if (!this.held()) throw new SourceLost(this.#lost ?? 'messages were held too long')
  }
}
