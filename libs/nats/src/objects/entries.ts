import { randomUUID } from 'node:crypto'
import { JetStreamApiError } from '@nats-io/jetstream'
import { streams } from '@weft/contracts'
import { type Clock, delay } from '@weft/platform'
import type { NatsLink } from '../link.ts'
import { isFull, StoreFull } from '../publish.ts'
import { type StreamReader, streamReader } from '../stream-reader.ts'

export interface StoredEntry<T> {
  readonly value: T
  readonly sequence: number
}

/** What there is of buckets, objects and uploads: one message a subject, changed by compare-and-set. */
export interface Entries {
  readonly reader: StreamReader
  read<T>(subject: string): Promise<StoredEntry<T> | undefined>
  /** `expected`: the sequence of what is replaced; 0: nothing is there. Undefined: lost against another writer. */
  write(subject: string, value: unknown, expected: number): Promise<number | undefined>
  /** Up to the given sequence and no further; everything without one. `filter` may have wildcards. */
  remove(filter: string, through?: number): Promise<void>
  /** Everything that matches, in order of time. */
  list<T>(filter: string): AsyncIterable<{ readonly subject: string; readonly value: T }>
}

/** Publishes of an entry whose answers are lost, before the writer is told. */
const writeAttempts = 4
const noMessageFound = 10037
const wrongLastSequence = [10071, 10164]

export function openEntries(link: NatsLink, clock: Clock): Entries {
  const reader = streamReader(link, streams.objects)
  const read = async <T>(subject: string): Promise<StoredEntry<T> | undefined> => {
    try {
      const message = await link.jsm.streams.getMessage(streams.objects, { last_by_subj: subject })
      return message ? { value: message.json<T>(), sequence: message.seq } : undefined
    } catch (error) {
      if (isNoMessage(error)) return undefined
      throw error
    }
  }
  return {
    reader,
    read,
    async write(subject, value, expected) {
      const messageId = randomUUID()
      for (let attempt = 1; ; attempt++) {
        try {
          const ack = await link.js.publish(subject, JSON.stringify(value), {
            msgID: messageId,
            expect: { lastSubjectSequence: expected },
          })
          if (ack.seq > 0) return ack.seq
          // A replicated stream answers a repeated id with 0 while the first copy is not yet committed: it may still be lost.
          throw new Error(`the write of ${subject} is not committed yet`)
        } catch (error) {
          if (error instanceof JetStreamApiError) {
            if (isFull(error)) throw new StoreFull(`there is no room for ${subject}`, { cause: error })
            if (!wrongLastSequence.includes(error.code)) throw error
            // After a timeout the lost race may be one against the own first try.
            const winner = attempt > 1 && (await read<unknown>(subject))
            return winner && JSON.stringify(winner.value) === JSON.stringify(value) ? winner.sequence : undefined
          }
          if (attempt === writeAttempts) throw error
          await delay(clock, 250)
        }
      }
    },
    async remove(filter, through) {
      await link.jsm.streams.purge(streams.objects, {
        filter,
        ...(through !== undefined && { seq: through + 1 }),
      })
    },
    async *list<T>(filter: string) {
      for await (const { subject, data } of reader.scan({ filter, from: { sequence: 1 } }))
        yield { subject, value: JSON.parse(new TextDecoder().decode(data)) as T }
    },
  }
}

export const isNoMessage = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === noMessageFound
