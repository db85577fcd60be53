import { DeliverPolicy, type JsMsg, type OrderedConsumerOptions } from '@nats-io/jetstream'
import type { NatsLink } from './link.ts'

export interface StoredMessage {
  readonly sequence: number
  /** When the stream took it, epoch ms. */
  readonly storedAtMs: number
  readonly subject: string
  readonly data: Uint8Array
  /** Messages behind this one that the reader asked for. */
  readonly pending: number
}

export type ReadFrom = { readonly sequence: number } | { readonly timeMs: number }

/** Reads a stream in order, without gaps and without changing it. Rejects when the stream cannot be reached. */
export interface StreamReader {
  state(): Promise<{ readonly createdAt: string; readonly firstSequence: number; readonly lastSequence: number }>
  /** Subjects in the stream that match the pattern, with how many messages each has. */
  subjects(filter: string): Promise<ReadonlyMap<string, number>>
  /**
   * From the given place to the last message that was there when the reading began. `ahead` messages at most wait here
   * for a slow reader; 500 when absent.
   */
  scan(options: {
    readonly filter: string | readonly string[]
    readonly from: ReadFrom
    readonly ahead?: number
  }): AsyncIterable<StoredMessage>
  /** From the given sequence for ever; ends when the signal aborts. */
  follow(options: {
    readonly filter: string
    readonly fromSequence: number
    readonly signal: AbortSignal
  }): AsyncIterable<StoredMessage>
}

export function streamReader(link: NatsLink, stream: string): StreamReader {
  const open = async (filter: string | readonly string[], from: ReadFrom) => {
    const place: Partial<OrderedConsumerOptions> =
      'sequence' in from
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, from.sequence) }
        : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(from.timeMs).toISOString() }
    return link.js.consumers.get(stream, {
      filter_subjects: typeof filter === 'string' ? filter : [...filter],
      inactive_threshold: 60_000,
      ...place,
    })
  }
  return {
    async state() {
      const { created, state } = await link.jsm.streams.info(stream)
      return { createdAt: created, firstSequence: state.first_seq, lastSequence: state.last_seq }
    },
    async subjects(filter) {
      const { state } = await link.jsm.streams.info(stream, { subjects_filter: filter })
      return new Map(Object.entries(state.subjects ?? {}))
    },
    async *scan({ filter, from, ahead = 500 }) {
      const consumer = await open(filter, from)
      // What the server cannot be told now it forgets by itself after the consumer's threshold.
      const forget = () => consumer.delete().catch(() => false)
      if ((await consumer.info(true)).num_pending === 0) {
        await forget()
        return
      }
      const messages = await consumer.consume({ max_messages: ahead })
      try {
        for await (const message of messages) {
          const one = stored(message)
          yield one
          if (one.pending === 0) return
        }
      } finally {
        await messages.close()
        await forget()
      }
    },
    async *follow({ filter, fromSequence, signal }) {
      const consumer = await open(filter, { sequence: fromSequence })
      const messages = await consumer.consume({ max_messages: 500 })
      const stop = (): void => messages.stop()
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
      try {
        for await (const message of messages) yield stored(message)
      } finally {
        signal.removeEventListener('abort', stop)
        await messages.close()
      }
    },
  }
}

const stored = (message: JsMsg): StoredMessage => ({
  sequence: message.seq,
  storedAtMs: Math.floor(message.info.timestampNanos / 1_000_000),
  subject: message.subject,
  data: message.data,
  pending: message.info.pending,
})
