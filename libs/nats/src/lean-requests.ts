import {
  createInbox,
  errors,
  type Msg,
  type NatsConnection,
  type Payload,
  type RequestOptions,
} from '@nats-io/transport-node'
import type { Clock } from '@weft/platform'

interface Waiter {
  readonly subject: string
  /** Monotonic ms. */
  readonly until: number
  resolve(answer: Msg): void
  reject(error: Error): void
}

/** How often is looked for those who have waited too long, ms: so much later than asked for a request may time out. */
const sweepMs = 50
const defaultTimeoutMs = 1_000

/**
 * The connection, with a `request` that costs little more than its two messages: the client's own makes a timer, a random
 * token and an error with a stack trace for every one, also of those that are answered, and each event takes several.
 * Here one subscription gets all answers and one timer looks after them.
 */
export function withLeanRequests(connection: NatsConnection, inboxPrefix: string, clock: Clock): NatsConnection {
  const inbox = createInbox(inboxPrefix)
  /** By the subject of the answer. */
  const waiting = new Map<string, Waiter>()
  let requests = 0
  let sweeping = false

  const fail = (which: (waiter: Waiter) => boolean, error: () => Error): void => {
    for (const [reply, waiter] of [...waiting]) {
      if (!which(waiter)) continue
      waiting.delete(reply)
      waiter.reject(error())
    }
  }
  const sweepLater = (): void => {
    sweeping = waiting.size > 0
    if (sweeping) clock.schedule(sweepMs, sweep)
  }
  const sweep = (): void => {
    const now = clock.monotonic()
    fail(
      ({ until }) => until <= now,
      () => new errors.TimeoutError(),
    )
    sweepLater()
  }
  connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error)
        fail(
          () => true,
          () => error,
        )
      const waiter = waiting.get(message?.subject)
      if (!waiter) return
      waiting.delete(message.subject)
      if (message.data.length === 0 && message.headers?.code === 503) waiter.reject(noResponders(waiter.subject))
      else waiter.resolve(message)
    },
  })
  void connection.closed().then(() =>
    fail(
      () => true,
      () => new errors.ClosedConnectionError(),
    ),
  )
  const followRefusals = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type !== 'error' || !(status.error instanceof errors.PermissionViolationError)) continue
      const { error } = status
      fail(
        ({ subject }) => error.operation === 'publish' && error.subject === subject,
        () => error,
      )
    }
  }
  void followRefusals()

  const request = (subject: string, payload?: Payload, options?: RequestOptions): Promise<Msg> => {
    // Asks for a reply subject of its own.
    if (options?.noMux) return connection.request(subject, payload, options)
    return new Promise((resolve, reject) => {
      const reply = `${inbox}.${++requests}`
      connection.publish(subject, payload, { reply, ...(options?.headers && { headers: options.headers }) })
      const until = clock.monotonic() + (options?.timeout ?? defaultTimeoutMs)
      waiting.set(reply, { subject, until, resolve, reject })
      if (!sweeping) sweepLater()
    })
  }
  return Object.assign(Object.create(connection) as NatsConnection, { request })
}

const noResponders = (subject: string): Error => {
  const cause = new errors.NoRespondersError(subject)
  return new errors.RequestError(cause.message, { cause })
}
