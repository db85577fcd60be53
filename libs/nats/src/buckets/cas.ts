import { randomUUID } from 'node:crypto'
import { JetStreamApiError } from '@nats-io/jetstream'
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
  try {
    const found = await link.jsm.streams.getMessage(`KV_${bucket}`, { last_by_subj: subjectOf(bucket, key) })
    if (!found) return undefined
    const operation = found.header.get('KV-Operation')
    return {
      value: operation === 'DEL' || operation === 'PURGE' ? undefined : found.data,
      revision: found.seq,
      writeId: found.header.get('Nats-Msg-Id'),
    }
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === noMessageFound) return undefined
    throw error
  }
}

/**
 * Writes the key, or removes it when `value` is undefined, if its revision is still the expected one; resolves to the
 * new revision. A write whose answer was lost is sent again under the same id; the stored id then tells one's own write
 * from another's of the same value. Rejects when the outcome cannot be had, and then the write may be stored.
 */
export async function writeEntry(
  link: NatsLink,
  clock: Clock,
  bucket: string,
  key: string,
  value: Uint8Array | undefined,
  expected: number,
): Promise<Result<number, 'conflict'>> {
  const writeId = randomUUID()
  let mayBeStored = false
  for (let attempt = 1; ; attempt++) {
    try {
      const header = headers()
      if (value === undefined) header.set('KV-Operation', 'DEL')
      const ack = await link.js.publish(subjectOf(bucket, key), value ?? new Uint8Array(), {
        headers: header,
        msgID: writeId,
        expect: { lastSubjectSequence: expected },
        retries: 1,
      })
      if (ack.seq > 0) return ok(ack.seq)
      // A replicated stream answers a repeated id with 0 while the first copy is not yet committed: it may still be lost.
      throw new Error(`the write of ${key} is not committed yet`)
    } catch (error) {
      if (isCasLoss(error)) {
        if (!mayBeStored) return err('conflict')
        const current = await readEntry(link, bucket, key)
        return current?.writeId === writeId ? ok(current.revision) : err('conflict')
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
