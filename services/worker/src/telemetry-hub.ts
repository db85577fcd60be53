import { request } from 'node:http'
import type { Socket } from 'node:net'
import { type Clock, delay, type Logger, type Timer } from '@weft/platform'
import {
  forLogsApi,
  platformEvents,
  type TelemetryBatch,
  TelemetryBuffer,
  type TelemetryEvent,
  type TelemetrySubscription,
  typeOf,
} from '@weft/sandbox'

export interface TelemetryParts {
  /** Connects to a port inside the sandbox. */
  readonly dial: (port: number) => Promise<Socket>
  readonly clock: Clock
  readonly log: Logger
}

interface Subscriber {
  readonly subscription: TelemetrySubscription
  readonly buffer: TelemetryBuffer
  sending: Promise<void> | undefined
  timer: Timer | undefined
  /** Of a TCP destination. */
  socket: Socket | undefined
}

/** Events kept for those who subscribe later, while an environment initialises. */
const mostEarly = 1_000
const tries = 3
const retryMs = 100

/** Sends what happens in one sandbox to the extensions in it that have subscribed. */
export class TelemetryHub {
  readonly #parts: TelemetryParts
  readonly #subscribers = new Map<string, Subscriber>()
  #early: TelemetryEvent[] | undefined = []
  #closed = false

  constructor(parts: TelemetryParts) {
    this.#parts = parts
  }

  /** Whether anybody hears it; events need not be made otherwise. */
  get wanted(): boolean {
    return this.#early !== undefined || this.#subscribers.size > 0
  }

  /** A second subscription of the same extension takes the place of the first. */
  subscribe(extensionId: string, subscription: TelemetrySubscription): void {
    this.#subscribers.get(extensionId)?.timer?.cancel()
    const subscriber: Subscriber = {
      ...{ subscription, buffer: new TelemetryBuffer(subscription.buffering) },
      ...{ sending: undefined, timer: undefined, socket: undefined },
    }
    this.#subscribers.set(extensionId, subscriber)
    for (const event of this.#early ?? []) this.#give(subscriber, event)
  }

  /** Nobody subscribes any more. */
  closeSubscriptions(): void {
    this.#early = undefined
  }

  emit(event: TelemetryEvent): void {
    if (this.#early && this.#early.length < mostEarly) this.#early.push(event)
    for (const subscriber of this.#subscribers.values()) this.#give(subscriber, event)
  }

  /** Sends what is held, batch after batch; resolves when nothing is left. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.#subscribers.values()].map(async (subscriber) => {
        while (!this.#closed && !(subscriber.buffer.empty && !subscriber.sending))
          await (subscriber.sending ?? this.#send(subscriber))
      }),
    )
  }

  close(): void {
    this.#closed = true
    for (const { timer, socket } of this.#subscribers.values()) {
      timer?.cancel()
      socket?.destroy()
    }
  }

  #give(subscriber: Subscriber, event: TelemetryEvent): void {
    const { subscription, buffer } = subscriber
    if (!subscription.types.includes(typeOf(event))) return
    const told =
      subscription.api === 'logs'
        ? forLogsApi(event, subscription.schemaVersion)
        : // Only the Logs API knows of it.
          event.type === 'platform.end'
          ? undefined
          : event
    if (!told) return
    buffer.add(JSON.stringify(told), this.#parts.clock.monotonic())
    this.#arm(subscriber)
  }

  #arm(subscriber: Subscriber): void {
    const { clock } = this.#parts
    const { dueMs } = subscriber.buffer
    subscriber.timer?.cancel()
    subscriber.timer = undefined
    if (dueMs === undefined || subscriber.sending || this.#closed) return
    subscriber.timer = clock.schedule(Math.max(0, dueMs - clock.monotonic()), () => void this.#send(subscriber))
  }

  #send(subscriber: Subscriber): Promise<void> {
    const { clock } = this.#parts
    const batch = subscriber.buffer.take(clock.monotonic())
    const sending = this.#deliver(subscriber, batch).finally(() => {
      subscriber.sending = undefined
      this.#arm(subscriber)
    })
    subscriber.sending = sending
    return sending
  }

  async #deliver(subscriber: Subscriber, { events, droppedRecords, droppedBytes }: TelemetryBatch): Promise<void> {
    const { clock, log } = this.#parts
    const dropped = platformEvents.logsDropped(clock.now(), droppedRecords, droppedBytes)
    const texts = droppedRecords > 0 ? [JSON.stringify(dropped), ...events] : events
    const { destination } = subscriber.subscription
    for (let attempt = 1; !this.#closed; attempt++) {
      try {
        if (destination.protocol === 'HTTP') await this.#post(destination, `[${texts.join(',')}]`)
        else await this.#write(subscriber, destination.port, `${texts.join('\n')}\n`)
        return
      } catch (error) {
        // An extension that does not take what it asked for harms itself alone.
        if (attempt === tries) return log.debug({ err: error, events: texts.length }, 'telemetry was not taken')
        await delay(clock, retryMs * 2 ** (attempt - 1))
      }
    }
  }

  async #post(to: { readonly port: number; readonly path: string; readonly method: string }, body: string) {
    const socket = await this.#parts.dial(to.port)
    await new Promise<void>((resolve, reject) => {
      const outgoing = request(
        {
          ...{ method: to.method, path: to.path, createConnection: () => socket },
          headers: {
            Host: `sandbox.localdomain:${to.port}`,
            'Content-Type': 'application/json',
            'Content-Length': Buffer.byteLength(body),
            Connection: 'close',
          },
        },
        (response) => {
          response.resume()
          response.on('end', resolve)
          response.on('error', reject)
        },
      )
      outgoing.on('error', reject)
      outgoing.on('close', () => reject(new Error('the connection closed')))
      outgoing.end(body)
    }).finally(() => socket.destroy())
  }

  async #write(subscriber: Subscriber, port: number, text: string): Promise<void> {
    if (!subscriber.socket || subscriber.socket.destroyed) {
      const socket = await this.#parts.dial(port)
      socket.on('error', () => socket.destroy())
      // What it says is nothing to us, but must not fill up.
      socket.resume()
      subscriber.socket = socket
    }
    const { socket } = subscriber
    await new Promise<void>((resolve, reject) =>
      socket.write(text, (error?: Error | null) => (error ? reject(error) : resolve())),
    )
  }
}
