import { randomUUID } from 'node:crypto'
import { JetStreamApiError, type StoredMsg } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { err, ok, type Result } from '@weft/contracts'
import { type Clock, delay } from '@weft/platform'
import type { NatsLink } from '../link.ts'

export interface BucketEntry {
  /** Undefined: removed, but its revision still counts for the next write. */
  readonly value: Uint8Array | undefined
  readonly revision: number
  /** Id of the write that made it; "" when the writer gave none. */
  readonly writeId: string
}

/** Revision to expect of a key that was never written. */
export const neverWritten = 0

/** Wrong last sequence; servers from 2.12 on have a second code for it. */
const casLossCodes = [10071, 10164]
const noMessageFound = 10037

const attempts = 4
const betweenAttemptsMs = 250

/** The entry as the bucket's leader has it; undefined when the key was never written. */
export async function readEntry(link: NatsLink, bucket: string, key: string): Promise<BucketEntry | undefined> {
  const found = await readLast(link, `KV_${bucket}`, subjectOf(bucket, key))
  if (!found) return undefined
  const operation = found.header.get('KV-Operation')
  return {
    value: operation === 'DEL' || operation === 'PURGE' ? undefined : found.data,
    revision: found.seq,
    writeId: found.header.get('Nats-Msg-Id'),
  }
}

/** Writes the key, or removes it when `value` is undefined, as `writeLast` does. */
export const writeEntry = (
  link: NatsLink,
  clock: Clock,
  bucket: string,
  key: string,
  value: Uint8Array | undefined,
  expected: number,
): Promise<Result<number, 'conflict'>> =>
  writeLast(link, clock, {
    ...{ stream: `KV_${bucket}`, subject: subjectOf(bucket, key), payload: value ?? new Uint8Array(), expected },
    ...(value === undefined && { headers: { 'KV-Operation': 'DEL' } }),
  })

/** The last message of a subject as the stream's leader has it. */
export async function readLast(link: NatsLink, stream: string, subject: string): Promise<StoredMsg | undefined> {
  try {
    return (await link.jsm.streams.getMessage(stream, { last_by_subj: subject })) ?? undefined
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === noMessageFound) return undefined
    throw error
  }
}

export interface LastWrite {
  readonly stream: string
  readonly subject: string
  readonly payload: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Sequence of the subject's last message; `neverWritten` when there must be none. */
  readonly expected: number
}

/**
 * Writes a message if the last one of its subject is still the expected one; resolves to its sequence. A write whose
 * answer was lost is sent again under the same id; the stored id then tells one's own write from another's of the same
 * value. Rejects when the outcome cannot be had, and then the write may be stored.
 */
export async function writeLast(link: NatsLink, clock: Clock, write: LastWrite): Promise<Result<number, 'conflict'>> {
  const { stream, subject, payload, expected } = write
  const writeId = randomUUID()
  let mayBeStored = false
  for (let attempt = 1; ; attempt++) {
    try {
      const header = headers()
      for (const [name, value] of Object.entries(write.headers ?? {})) header.set(name, value)
      const ack = await link.js.publish(subject, payload, {
        headers: header,
        msgID: writeId,
        expect: { lastSubjectSequence: expected },
        retries: 1,
      })
      if (ack.seq > 0) return ok(ack.seq)
      // A replicated stream answers a repeated id with 0 while the first copy is not yet committed: it may still be lost.
      throw new Error(`the write of ${subject} is not committed yet`)
    } catch (error) {
      if (isCasLoss(error)) {
        if (!mayBeStored) return err('conflict')
        const current = await readLast(link, stream, subject)
        return current?.header.get('Nats-Msg-Id') === writeId ? ok(current.seq) : err('conflict')
      }
      // The server said no: a second try would hear the same.
      if (error instanceof JetStreamApiError) throw error
      mayBeStored = true
      if (attempt === attempts) throw error
      await delay(clock, betweenAttemptsMs)
    }
  }
}

const isCasLoss = (error: unknown): boolean => error instanceof JetStreamApiError && casLossCodes.includes(error.code)

const subjectOf = (bucket: string, key: string): string => {
  if (!/^[\w$-]+(\.[\w$-]+)*$/.test(key)) throw new TypeError(`not a bucket key: ${JSON.stringify(key)}`)
  return `$KV.${bucket}.${key}`
}
