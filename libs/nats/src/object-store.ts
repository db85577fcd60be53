import { createHash, randomUUID } from 'node:crypto'
import { JetStreamApiError } from '@nats-io/jetstream'
import { type AccountId, err, ok, type Result, streams, subjects } from '@weft/contracts'
import { type Clock, delay, systemClock } from '@weft/platform'
import type { NatsLink } from './link.ts'
import { publishStored } from './publish.ts'
import { streamReader } from './stream-reader.ts'

export interface ObjectInfo {
  readonly key: string
  readonly sizeBytes: number
  /** Hex MD5 of the bytes, as S3's ETag of a plain upload. */
  readonly md5: string
  readonly lastModifiedMs: number
  /** Kept and given back as they came; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

export interface ByteRange {
  /** First and last byte, both included, inside the object. */
  readonly first: number
  readonly last: number
}

export interface OpenObject {
  readonly info: ObjectInfo
  /** The bytes asked for; may be read once. Rejects when a part is gone because the object was replaced meanwhile. */
  readonly body: AsyncIterable<Uint8Array>
}

/** Asked of what is there when the object is written. */
export type PutCondition = { readonly kind: 'absent' } | { readonly kind: 'matches'; readonly md5: string }

/**
 * Buckets of objects, each account its own. What resolved is stored durably and seen by every later call. Rejects when
 * the store is unreachable or full.
 */
export interface ObjectStore {
  createBucket(account: AccountId, bucket: string): Promise<Result<void, 'exists'>>
  bucketCreatedAtMs(account: AccountId, bucket: string): Promise<number | undefined>
  /** In order of name. */
  buckets(account: AccountId): Promise<readonly { readonly name: string; readonly createdAtMs: number }[]>
  deleteBucket(account: AccountId, bucket: string): Promise<Result<void, 'missing' | 'not-empty'>>
  put(
    account: AccountId,
    bucket: string,
    key: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    condition?: PutCondition,
  ): Promise<Result<ObjectInfo, 'no-bucket' | 'condition-failed'>>
  info(account: AccountId, bucket: string, key: string): Promise<ObjectInfo | undefined>
  open(
    account: AccountId,
    bucket: string,
    key: string,
    range?: (info: ObjectInfo) => ByteRange | undefined,
  ): Promise<OpenObject | undefined>
  /** Removing what is not there is no error. */
  remove(account: AccountId, bucket: string, key: string): Promise<void>
  /** In order of the keys' UTF-8 bytes. */
  list(account: AccountId, bucket: string): Promise<readonly ObjectInfo[]>
}

interface Entry extends ObjectInfo {
  readonly blobId: string
  readonly partBytes: number
}

/** Small beside the server's limit of 8 MB, and large enough that a large object has few parts. */
const partBytes = 512 * 1024
const patience = { budgetMs: 15_000, timeoutMs: 5_000 }
/** Publishes of an entry whose answers are lost, before the writer is told. */
const writeAttempts = 4
const noMessageFound = 10037
const wrongLastSequence = [10071, 10164]
/** Writers of one key that meet; each time one of them wins. */
const putAttempts = 20

/**
 * Two streams for all buckets rather than one each: in a cluster a stream is a group of servers that keep voting, and
 * the frontend's user may touch these two and no other. An object is its parts, which never change, and an entry that
 * names them; the entry is replaced by compare-and-set, so readers see the old object or the new one, and whoever
 * replaced it removes the old parts.
 */
export function openObjectStore(link: NatsLink, clock: Clock = systemClock): ObjectStore {
  const entries = streamReader(link, streams.objects)

  const read = async <T>(subject: string): Promise<{ value: T; sequence: number } | undefined> => {
    try {
      const message = await link.jsm.streams.getMessage(streams.objects, { last_by_subj: subject })
      return message ? { value: message.json<T>(), sequence: message.seq } : undefined
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === noMessageFound) return undefined
      throw error
    }
  }
  /** Undefined: lost against another writer. */
  const write = async (subject: string, value: unknown, expected: number): Promise<number | undefined> => {
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
          if (!wrongLastSequence.includes(error.code)) throw error
          // After a timeout the lost race may be one against the own first try.
          const winner = attempt > 1 && (await read<unknown>(subject))
          return winner && JSON.stringify(winner.value) === JSON.stringify(value) ? winner.sequence : undefined
        }
        if (attempt === writeAttempts) throw error
        await delay(clock, 250)
      }
    }
  }
  const entryOf = (account: AccountId, bucket: string, key: string) =>
    read<Entry>(subjects.object(account, bucket, key))

  const writeParts = async (account: AccountId, id: string, body: Uint8Array): Promise<void> => {
    for (let part = 0; part * partBytes < body.byteLength; part++) {
      const stored = await publishStored(
        link.js,
        {
          subject: subjects.blob(account, id, part),
          payload: body.subarray(part * partBytes, (part + 1) * partBytes),
          messageId: `${id}.${part}`,
          stream: streams.blobs,
        },
        patience,
      )
      if (!stored.ok) throw new Error(`an object cannot be stored: ${stored.error.kind}`, { cause: stored.error.cause })
    }
  }
  const removeParts = (account: AccountId, id: string) =>
    link.jsm.streams.purge(streams.blobs, { filter: subjects.blobOf(account, id) })
  const readPart = async (account: AccountId, id: string, part: number): Promise<Uint8Array | undefined> => {
    const query = { last_by_subj: subjects.blob(account, id, part) }
    const near = await link.jsm.direct.getMessage(streams.blobs, query)
    if (near) return near.data
    // A copy that lags may not have it yet; the leader has.
    try {
      return (await link.jsm.streams.getMessage(streams.blobs, query))?.data
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === noMessageFound) return undefined
      throw error
    }
  }

  async function* partsOf(account: AccountId, entry: Entry, range: ByteRange, first: Uint8Array) {
    const from = Math.floor(range.first / entry.partBytes)
    const to = Math.floor(range.last / entry.partBytes)
    for (let part = from; part <= to; part++) {
      const bytes = part === from ? first : await readPart(account, entry.blobId, part)
      if (!bytes) throw new Error('the object was replaced while it was read')
      const start = part * entry.partBytes
      yield bytes.subarray(Math.max(0, range.first - start), range.last - start + 1)
    }
  }

  return {
    async createBucket(account, bucket) {
      const written = await write(subjects.bucket(account, bucket), { createdAtMs: clock.now() }, 0)
      return written === undefined ? err('exists') : ok(undefined)
    },
    async bucketCreatedAtMs(account, bucket) {
      return (await read<{ createdAtMs: number }>(subjects.bucket(account, bucket)))?.value.createdAtMs
    },
    async buckets(account) {
      const found: { name: string; createdAtMs: number }[] = []
      for await (const message of entries.scan({ filter: subjects.bucketOf(account), from: { sequence: 1 } })) {
        const { createdAtMs } = decode<{ createdAtMs: number }>(message.data)
        found.push({ name: message.subject.split('.')[3] ?? '', createdAtMs })
      }
      return found.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    async deleteBucket(account, bucket) {
      if (!(await read(subjects.bucket(account, bucket)))) return err('missing')
      if ((await entries.subjects(subjects.objectOf(account, bucket))).size > 0) return err('not-empty')
      await link.jsm.streams.purge(streams.objects, { filter: subjects.bucket(account, bucket) })
      return ok(undefined)
    },
    async put(account, bucket, key, body, headers, condition) {
      if (!(await read(subjects.bucket(account, bucket)))) return err('no-bucket')
      const blobId = randomUUID()
      const info: ObjectInfo = {
        key,
        sizeBytes: body.byteLength,
        md5: createHash('md5').update(body).digest('hex'),
        lastModifiedMs: clock.now(),
        headers,
      }
      try {
        await writeParts(account, blobId, body)
        for (let attempt = 0; attempt < putAttempts; attempt++) {
          const before = await entryOf(account, bucket, key)
          if (condition && !holds(condition, before?.value)) {
            await removeParts(account, blobId)
            return err('condition-failed')
          }
          const entry: Entry = { ...info, blobId, partBytes }
          const written = await write(subjects.object(account, bucket, key), entry, before?.sequence ?? 0)
          if (written === undefined) continue
          if (before) await removeParts(account, before.value.blobId)
          return ok(info)
        }
        throw new Error(`the object was replaced by others ${putAttempts} times in a row`)
      } catch (error) {
        // The entry may have been stored although no answer came: only parts without an entry may go.
        const stored = await entryOf(account, bucket, key).catch(() => undefined)
        if (stored && stored.value.blobId !== blobId) await removeParts(account, blobId).catch(() => undefined)
        throw error
      }
    },
    async info(account, bucket, key) {
      const entry = await entryOf(account, bucket, key)
      return entry && infoOf(entry.value)
    },
    async open(account, bucket, key, rangeOf) {
      // A reader that comes between the old parts' removal and its own first read starts over with the new entry.
      for (let attempt = 0; attempt < putAttempts; attempt++) {
        const entry = (await entryOf(account, bucket, key))?.value
        if (!entry) return undefined
        const info = infoOf(entry)
        const range = rangeOf?.(info) ?? { first: 0, last: entry.sizeBytes - 1 }
        if (range.last < range.first) return { info, body: none() }
        const first = await readPart(account, entry.blobId, Math.floor(range.first / entry.partBytes))
        if (first) return { info, body: partsOf(account, entry, range, first) }
      }
      throw new Error(`the object was replaced while it was opened ${putAttempts} times in a row`)
    },
    async remove(account, bucket, key) {
      const entry = await entryOf(account, bucket, key)
      if (!entry) return
      // Up to this entry and no further: a newer one was written after this removal began and stays.
      await link.jsm.streams.purge(streams.objects, {
        filter: subjects.object(account, bucket, key),
        seq: entry.sequence + 1,
      })
      await removeParts(account, entry.value.blobId)
    },
    async list(account, bucket) {
      const found: ObjectInfo[] = []
      const filter = subjects.objectOf(account, bucket)
      for await (const message of entries.scan({ filter, from: { sequence: 1 } }))
        found.push(infoOf(decode<Entry>(message.data)))
      return sortByKey(found)
    },
  }
}

const decode = <T>(data: Uint8Array): T => JSON.parse(new TextDecoder().decode(data)) as T

const infoOf = ({ key, sizeBytes, md5, lastModifiedMs, headers }: Entry): ObjectInfo => ({
  key,
  sizeBytes,
  md5,
  lastModifiedMs,
  headers,
})

const holds = (condition: PutCondition, entry: Entry | undefined): boolean =>
  condition.kind === 'absent' ? entry === undefined : entry?.md5 === condition.md5

async function* none(): AsyncGenerator<Uint8Array> {}

/** S3 orders keys by their UTF-8 bytes, which is not the order of JavaScript strings. */
const sortByKey = (list: readonly ObjectInfo[]): ObjectInfo[] =>
  list
    .map((info) => ({ info, bytes: Buffer.from(info.key) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ info }) => info)
