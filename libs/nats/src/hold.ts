import { errors, type NatsConnection } from '@nats-io/transport-node'
import type { Clock } from '@weft/platform'

const encoder = new TextEncoder()
export const ackBytes = encoder.encode('+ACK')
export const workingBytes = encoder.encode('+WPI')

/** How long the server is waited for when a hold is extended or ended, ms. */
export const holdRequestMs = 2_000

/** The tenth that is left out covers what the two clocks differ in and the way of a last publish. */
export const safeHoldMs = (ackWaitMs: number): number => ackWaitMs * 0.9

/**
 * This process's claim on a delivered message: surely its own until the consumer's ack wait has passed since the
 * delivery or since the last confirmed extension. The server cannot be asked: it confirms extensions and acks of former
 * owners as well, so time is the only fence, judged by the monotonic clock and from the earlier end of each exchange.
 */
export class Hold {
  readonly #connection: NatsConnection
  readonly #clock: Clock
  readonly #reply: string
  readonly #holdMs: number
  #until: number

  /** `sentAfterMs`: monotonic time after which the server sent the message. */
  constructor(connection: NatsConnection, clock: Clock, reply: string, sentAfterMs: number, ackWaitMs: number) {
    this.#connection = connection
    this.#clock = clock
    this.#reply = reply
    this.#holdMs = safeHoldMs(ackWaitMs)
    this.#until = sentAfterMs + this.#holdMs
  }

  held(): boolean {
    return this.#clock.monotonic() < this.#until
  }

  async extend(): Promise<void> {
    const started = this.#clock.monotonic()
    if (started >= this.#until) return
    try {
      await this.#connection.request(this.#reply, workingBytes, { timeout: holdRequestMs })
      this.#until = Math.max(this.#until, started + this.#holdMs)
    } catch (error) {
      // No one answers for the consumer: it is gone, and its successor delivers the message anew.
      if (error instanceof errors.RequestError && error.isNoResponders()) this.#until = Number.NEGATIVE_INFINITY
    }
  }

  /** Removes the message (or advances the consumer to it); resolves when the server has confirmed it. */
  async ack(): Promise<void> {
    await this.#connection.request(this.#reply, ackBytes, { timeout: holdRequestMs })
  }

  release(delayMs: number): void {
    this.#until = Number.NEGATIVE_INFINITY
    giveBack(this.#connection, this.#reply, delayMs)
  }
}

/** Has a message delivered again after the delay. */
export function giveBack(connection: NatsConnection, reply: string, delayMs: number): void {
  const delayNs = Math.ceil(delayMs) * 1_000_000
  try {
    connection.publish(reply, delayNs > 0 ? `-NAK {"delay":${delayNs}}` : '-NAK')
  } catch {
    // The connection is closed: the message comes again when its hold ends.
  }
}
