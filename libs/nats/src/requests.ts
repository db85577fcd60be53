import { headers, Match, type Msg } from '@nats-io/transport-node'
import type { Logger } from '@weft/platform'
import type { NatsLink } from './link.ts'

export interface BusRequest {
  readonly subject: string
  readonly payload: Uint8Array
  /** First value of a header, whatever the case of its name; undefined when absent. */
  header(name: string): string | undefined
  /** All of them, names in lower case; the first value of each. */
  headers(): Readonly<Record<string, string>>
  /** False: whoever sent it will not hear the answer. */
  readonly wantsReply: boolean
}

export interface BusReply {
  readonly payload: Uint8Array
  /** Values must be printable ASCII. */
  readonly headers: Readonly<Record<string, string>>
}

export interface RequestServer extends AsyncDisposable {
  /** Requests that are being answered. */
  readonly running: number
}

/**
 * Answers requests on a subject, shared with the other members of the queue group. `handle` gets every request,
 * malformed ones too, and must not reject. A message without a reply subject is no request and is left alone, unless
 * `withoutReply` wants it. A
 * reply that is larger than `link.connection.info.max_payload` cannot be sent: `handle` has to see to that.
 *
 * Disposing unsubscribes and resolves when the requests that run have been answered.
 */
export function serveRequests(
  link: NatsLink,
  options: {
    readonly subject: string
    readonly queueGroup: string
    readonly log: Logger
    readonly handle: (request: BusRequest) => Promise<BusReply>
    readonly withoutReply?: (subject: string) => boolean
  },
): RequestServer {
  const running = new Set<Promise<void>>()
  const answer = async (message: Msg): Promise<void> => {
    try {
      const reply = await options.handle(requestOf(message))
      const replyHeaders = headers()
      for (const [name, value] of Object.entries(reply.headers)) replyHeaders.set(name, value)
      message.respond(reply.payload, { headers: replyHeaders })
    } catch (error) {
      options.log.error({ err: error, subject: message.subject }, 'a request was not answered')
    }
  }
  const subscription = link.connection.subscribe(options.subject, {
    queue: options.queueGroup,
    callback: (error, message) => {
      if (error) {
        options.log.error({ err: error }, `the subscription of ${options.subject} is broken`)
        return
      }
      if (!message.reply && !options.withoutReply?.(message.subject)) return
      const one = answer(message).finally(() => running.delete(one))
      running.add(one)
    },
  })
  return {
    get running() {
      return running.size
    },
    async [Symbol.asyncDispose]() {
      // A drain needs the server; a closed connection has no requests left to answer.
      if (!link.connection.isClosed()) await subscription.drain().catch(() => subscription.unsubscribe())
      await Promise.all(running)
    },
  }
}

const requestOf = (message: Msg): BusRequest => ({
  subject: message.subject,
  payload: message.data,
  header(name) {
    const value = message.headers?.get(name, Match.IgnoreCase)
    return value === undefined || value === '' ? undefined : value
  },
  headers: () =>
    Object.fromEntries(
      (message.headers?.keys() ?? []).map((name) => [name.toLowerCase(), message.headers?.get(name) ?? '']),
    ),
  wantsReply: message.reply !== undefined && message.reply !== '',
})
