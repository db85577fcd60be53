import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node'
import type { Clock } from '@weft/platform'
import type { Pulse } from './pulse.ts'

/** The consumer or its stream is not there: make it again before the next pull. */
export class ConsumerMissing extends Error {}
/** Asked for messages and heard neither them nor the end of the wait. */
export class ConsumerSilent extends Error {}

export interface Pulled {
  readonly message: Msg
  /** Monotonic ms after which the server sent it. */
  readonly sentAfterMs: number
}

export interface PullerOptions {
  readonly connection: NatsConnection
  readonly clock: Clock
  readonly pulse: Pulse
  readonly stream: string
  readonly consumer: string
  /** Prefix of the connection's reply subjects. */
  readonly inboxPrefix: string
  /** Bytes that one pull may bring; more than the largest message. */
  readonly maxBytes: number
}

interface Waiting {
  readonly inbox: string
  readonly most: number
  finish(error?: Error): void
}

/** Grace on top of a pull's wait before its silence counts, ms. */
const silenceMs = 2_000

/**
 * Pulls from one JetStream consumer, one request at a time. A request asks for what is at hand, or else waits for the
 * first message; so a busy source gives full batches and a quiet one no delay. Asking for an exact number keeps
 * messages in the server, where other instances can have them, until this one has room.
 */
export class Puller {
  readonly #connection: NatsConnection
  readonly #clock: Clock
  readonly #pulse: Pulse
  readonly #subject: string
  readonly #maxBytes: number
  readonly #inbox: string
  readonly #stopWatching: () => void
  #requests = 0
  /** Messages of a request that was given up meanwhile, and the current one's. */
  #buffer: Pulled[] = []
  #waiting: Waiting | undefined
  #closed = false
  readonly #unsubscribe: () => void

  constructor(options: PullerOptions) {
    const { connection, clock, stream, consumer } = options
    this.#connection = connection
    this.#clock = clock
    this.#pulse = options.pulse
    this.#maxBytes = options.maxBytes
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`
    this.#inbox = createInbox(options.inboxPrefix)
    const subscription = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error) this.#waiting?.finish(error)
        else this.#take(message)
      },
    })
    this.#unsubscribe = () => subscription.unsubscribe()
    // A server that was away has forgotten the request.
    this.#stopWatching = onReconnect(connection, () => this.#waiting?.finish())
  }

  /** Up to `most` messages as soon as there is one; none after `waitMs` or when aborted. */
  async pull(most: number, waitMs: number, signal?: AbortSignal): Promise<Pulled[]> {
    if (this.#waiting) throw new Error('one pull at a time')
    if (this.#closed || signal?.aborted) return []
    if (this.#buffer.length === 0) await this.#request(most, waitMs, signal)
    return this.#buffer.splice(0, most)
  }

  /** Stops. What was delivered and not handed out is returned, for the caller to give back. */
  close(): Pulled[] {
    this.#closed = true
    this.#stopWatching()
    this.#unsubscribe()
    this.#waiting?.finish()
    return this.#buffer.splice(0)
  }

  #request(most: number, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        this.#waiting = undefined
        timer.cancel()
        signal?.removeEventListener('abort', abort)
        // Messages that came before the trouble are good; the trouble shows again at the next pull.
        if (error && this.#buffer.length === 0) reject(error)
        else resolve()
      }
      const abort = (): void => finish()
      const timer = this.#clock.schedule(waitMs + silenceMs, () =>
        finish(new ConsumerSilent(`no answer from ${this.#subject}`)),
      )
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting = { inbox: `${this.#inbox}.${++this.#requests}`, most, finish }
      const body = JSON.stringify({
        batch: most,
        max_bytes: this.#maxBytes,
        no_wait: true,
        expires: Math.max(1, Math.round(waitMs)) * 1_000_000,
      })
      this.#connection.publish(this.#subject, body, { reply: this.#waiting.inbox })
    })
  }

  #take(message: Msg): void {
    const code = message.headers?.code ?? 0
    if (message.subject.startsWith(this.#inbox)) {
      // A status; of an earlier request when the subject differs.
      if (message.subject !== this.#waiting?.inbox || code < 200) return
      const text = message.headers?.description ?? ''
      const missing = code === 503 || /consumer deleted|consumer is push based|no responders/i.test(text)
      this.#waiting.finish(missing ? new ConsumerMissing(`${this.#subject}: ${text || 'no responders'}`) : undefined)
      return
    }
    this.#buffer.push({ message, sentAfterMs: this.#pulse.awakeSince() })
    if (this.#waiting && this.#buffer.length >= this.#waiting.most) this.#waiting.finish()
  }
}

const listeners = new WeakMap<NatsConnection, Set<() => void>>()

/** One reader of the connection's status for all pullers on it. */
function onReconnect(connection: NatsConnection, listener: () => void): () => void {
  let set = listeners.get(connection)
  if (!set) {
    const fresh = new Set<() => void>()
    set = fresh
    listeners.set(connection, fresh)
    void (async () => {
      for await (const status of connection.status()) {
        if (status.type === 'reconnect') for (const one of [...fresh]) one()
      }
    })()
  }
  set.add(listener)
  return () => set.delete(listener)
}
