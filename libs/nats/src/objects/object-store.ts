import { type AccountId, err, ok, type Result, subjects } from '@weft/contracts'
import { type Clock, systemClock } from '@weft/platform'
import type { NatsLink } from '../link.ts'
import { type Bytes, openBlobs } from './blobs.ts'
import { openEntries, type StoredEntry } from './entries.ts'
import { type ByteRange, infoOf, type ObjectEntry, type ObjectInfo, placesOf, readRange } from './object-entry.ts'
import { noQuota, openQuota } from './quota.ts'
import { objectUploads, type Uploads } from './uploads.ts'
import {
  deletionMark,
  mostVersions,
  type Versioning,
  versionIdOf,
  versionOf,
  versionsIn,
  withoutVersion,
  withVersion,
} from './versions.ts'

export interface OpenObject {
  readonly info: ObjectInfo
  /** The bytes asked for; may be read once. Rejects when a part is gone because the object was replaced meanwhile. */
  readonly body: AsyncIterable<Uint8Array>
}

/** Asked of what is there when the object is written. */
export type PutCondition = { readonly kind: 'absent' } | { readonly kind: 'matches'; readonly etag: string }

/**
 * Buckets of objects, each account its own. What resolved is stored durably and seen by every later call. Rejects when
 * the store is unreachable or full. Bytes come and go in parts: no object is held whole.
 */
export interface ObjectStore {
  createBucket(account: AccountId, bucket: string): Promise<Result<void, 'exists'>>
  bucketCreatedAtMs(account: AccountId, bucket: string): Promise<number | undefined>
  /** `status` is absent as long as the bucket never kept versions; undefined: there is no bucket. */
  versioning(account: AccountId, bucket: string): Promise<{ readonly status?: Versioning } | undefined>
  setVersioning(account: AccountId, bucket: string, status: Versioning): Promise<Result<void, 'missing'>>
  /** In order of name. */
  buckets(account: AccountId): Promise<readonly { readonly name: string; readonly createdAtMs: number }[]>
  deleteBucket(account: AccountId, bucket: string): Promise<Result<void, 'missing' | 'not-empty'>>
  put(
    account: AccountId,
    bucket: string,
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    headers: Readonly<Record<string, string>>,
    condition?: PutCondition,
  ): Promise<Result<ObjectInfo, 'no-bucket' | PutTrouble>>
  /** Undefined for what is deleted, too. */
  info(account: AccountId, bucket: string, key: string): Promise<ObjectInfo | undefined>
  /** A version that says that the key is deleted is given as such, without bytes. */
  open(
    account: AccountId,
    bucket: string,
    key: string,
    range?: (info: ObjectInfo) => ByteRange | undefined,
    versionId?: string,
  ): Promise<OpenObject | undefined>
  /**
   * Removes an object, or marks it as deleted where versions are kept; with an id, takes one version away for good. Gives the
   * mark that was made, or the version that is gone. Removing what is not there is no error.
   */
  remove(account: AccountId, bucket: string, key: string, versionId?: string): Promise<ObjectInfo | undefined>
  /** In order of the keys' UTF-8 bytes. */
  list(account: AccountId, bucket: string): Promise<readonly ObjectInfo[]>
  /** The same with all versions, those of a key newest first; `isLatest` is what the key holds now. */
  listVersions(account: AccountId, bucket: string): Promise<readonly VersionInfo[]>
  readonly uploads: Uploads
}

export type PutTrouble = 'condition-failed' | 'too-many-versions' | 'quota-exceeded'

export interface VersionInfo extends ObjectInfo {
  readonly versionId: string
  readonly isLatest: boolean
}

interface Bucket {
  readonly createdAtMs: number
  readonly versioning?: Versioning
}

/** Writers of one key that meet; each time one of them wins. */
const putAttempts = 20

/**
 * Two streams for all buckets rather than one each: in a cluster a stream is a group of servers that keep voting, and
 * a service's user may touch these two and no other. An object is its parts, which never change, and an entry that
 * names them; the entry is replaced by compare-and-set, so readers see the old object or the new one, and whoever
 * replaced it removes the old parts. `limitOf` gives the bytes that an account may store; absent: none has a limit.
 */
export function openObjectStore(
  link: NatsLink,
  clock: Clock = systemClock,
  limitOf?: (account: AccountId) => number | undefined,
): ObjectStore {
  const entries = openEntries(link, clock)
  const blobs = openBlobs(link)
  const quota = limitOf ? openQuota(entries, clock, limitOf) : noQuota
  const subjectOf = subjects.object
  const bucketAt = (account: AccountId, bucket: string) => entries.read<Bucket>(subjects.bucket(account, bucket))
  const isThere = async (account: AccountId, bucket: string): Promise<boolean> =>
    (await bucketAt(account, bucket)) !== undefined

  const entryOf = async (account: AccountId, bucket: string, key: string) => {
    const stored = await entries.read<StoredObject>(subjectOf(account, bucket, key))
    return stored && { ...stored, value: current(stored.value) }
  }
  const removeBlobs = async (account: AccountId, gone: readonly ObjectEntry[]): Promise<void> => {
    const ids = gone.flatMap((entry) => entry.blobs.map(({ blobId }) => blobId))
    if (ids.length > 0) await blobs.remove(account, ids)
  }

  /** Puts an entry in the place of what is there, or before it; the bytes of what was there go, those of a refused one stay. */
  const replace = async (
    account: AccountId,
    bucket: string,
    entry: ObjectEntry,
    condition: PutCondition | undefined,
    versioning: Versioning | undefined,
  ): Promise<Result<ObjectInfo, PutTrouble>> => {
    for (let attempt = 0; attempt < putAttempts; attempt++) {
      const before = await entryOf(account, bucket, entry.key)
      if (before && sameBlobs(before.value, entry)) return ok(infoOf(before.value))
      if (condition && !holds(condition, before)) return err('condition-failed')
      const { next, gone } = withVersion(before?.value, entry, versioning)
      if (versionsIn(next).length > mostVersions) return err('too-many-versions')
      const written = await entries.write(subjectOf(account, bucket, entry.key), next, before?.sequence ?? 0)
      if (written === undefined) continue
      await removeBlobs(account, gone)
      return ok(infoOf(next))
    }
    throw new Error(`the object was replaced by others ${putAttempts} times in a row`)
  }

  /** Takes one version away, by compare-and-set, as others may come before it. */
  const removeVersion = async (account: AccountId, bucket: string, key: string, versionId: string) => {
    for (let attempt = 0; attempt < putAttempts; attempt++) {
      const before = await entryOf(account, bucket, key)
      const { next, gone } = before ? withoutVersion(before.value, versionId) : { next: undefined, gone: [] }
      const [taken] = gone
      if (!before || !taken) return undefined
      const subject = subjectOf(account, bucket, key)
      if (next && (await entries.write(subject, next, before.sequence)) === undefined) continue
      if (!next) {
        await entries.remove(subject, before.sequence)
        // A writer that came between has put its version before this one, and kept it.
        if (versionOf((await entryOf(account, bucket, key))?.value, versionId)) continue
      }
      await removeBlobs(account, gone)
      return infoOf(taken)
    }
    throw new Error(`the object was replaced by others ${putAttempts} times in a row`)
  }

  const uploads = objectUploads({
    ...{ entries, blobs, clock, quota, isThere },
    replace: async (account, bucket, entry, condition) =>
      replace(account, bucket, entry, condition, (await bucketAt(account, bucket))?.value.versioning),
    objectAt: async (account, bucket, key) => (await entryOf(account, bucket, key))?.value,
  })
  return {
    uploads,
    async createBucket(account, bucket) {
      const written = await entries.write(subjects.bucket(account, bucket), { createdAtMs: clock.now() }, 0)
      return written === undefined ? err('exists') : ok(undefined)
    },
    async bucketCreatedAtMs(account, bucket) {
      return (await bucketAt(account, bucket))?.value.createdAtMs
    },
    async versioning(account, bucket) {
      const stored = await bucketAt(account, bucket)
      return stored && (stored.value.versioning ? { status: stored.value.versioning } : {})
    },
    async setVersioning(account, bucket, versioning) {
      for (;;) {
        const stored = await bucketAt(account, bucket)
        if (!stored) return err('missing')
        const changed: Bucket = { ...stored.value, versioning }
        if ((await entries.write(subjects.bucket(account, bucket), changed, stored.sequence)) !== undefined)
          return ok(undefined)
      }
    },
    async buckets(account) {
      const found: { name: string; createdAtMs: number }[] = []
      for await (const { subject, value } of entries.list<Bucket>(subjects.bucketOf(account)))
        found.push({ name: subject.split('.')[3] ?? '', createdAtMs: value.createdAtMs })
      return found.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    async deleteBucket(account, bucket) {
      if (!(await isThere(account, bucket))) return err('missing')
      if ((await entries.reader.subjects(subjects.objectOf(account, bucket))).size > 0) return err('not-empty')
      await entries.remove(subjects.bucket(account, bucket))
      await uploads.abortAll(account, bucket)
      return ok(undefined)
    },
    async put(account, bucket, key, body, headers, condition) {
      const into = await bucketAt(account, bucket)
      if (!into) return err('no-bucket')
      const bytes: Bytes = body instanceof Uint8Array ? [body] : body
      const { md5, ...blob } = await blobs.write(account, bytes)
      const entry: ObjectEntry = {
        ...{ key, sizeBytes: blob.sizeBytes, etag: md5, lastModifiedMs: clock.now(), headers },
        ...{ blobs: [blob], partBytes: blobs.partBytes },
      }
      if (!(await quota.admits(account, blob.sizeBytes))) {
        await removeBlobs(account, [entry])
        return err('quota-exceeded')
      }
      try {
        const put = await replace(account, bucket, entry, condition, into.value.versioning)
        if (!put.ok) await removeBlobs(account, [entry])
        return put
      } catch (error) {
        // The entry may have been stored although no answer came: only parts without an entry may go.
        const stored = await entryOf(account, bucket, key).catch(() => undefined)
        if (stored && !versionsIn(stored.value).some((one) => sameBlobs(one, entry)))
          await removeBlobs(account, [entry]).catch(() => undefined)
        throw error
      }
    },
    async info(account, bucket, key) {
      const entry = await entryOf(account, bucket, key)
      return entry && !entry.value.deleteMarker ? infoOf(entry.value) : undefined
    },
    async open(account, bucket, key, rangeOf, versionId) {
      // A reader that comes between the old parts' removal and its own first read starts over with the new entry.
      for (let attempt = 0; attempt < putAttempts; attempt++) {
        const entry = versionOf((await entryOf(account, bucket, key))?.value, versionId)
        if (!entry) return undefined
        const info = infoOf(entry)
        if (entry.deleteMarker) return { info, body: none() }
        const range = rangeOf?.(info) ?? { first: 0, last: entry.sizeBytes - 1 }
        const [place] = range.last < range.first ? [] : placesOf(entry, range)
        if (!place) return { info, body: none() }
        const first = await blobs.part(account, place.blobId, place.part)
        if (first) return { info, body: readRange(blobs, account, entry, range, first) }
      }
      throw new Error(`the object was replaced while it was opened ${putAttempts} times in a row`)
    },
    async remove(account, bucket, key, versionId) {
      if (versionId !== undefined) return removeVersion(account, bucket, key, versionId)
      const versioning = (await bucketAt(account, bucket))?.value.versioning
      if (versioning) {
        const marked = await replace(account, bucket, deletionMark(key, clock.now()), undefined, versioning)
        if (!marked.ok) throw new Error(`a version cannot be marked as deleted: ${marked.error}`)
        return marked.value
      }
      const entry = await entryOf(account, bucket, key)
      if (!entry) return undefined
      // Up to this entry and no further: a newer one was written after this removal began and stays.
      await entries.remove(subjectOf(account, bucket, key), entry.sequence)
      await removeBlobs(account, [entry.value])
      return infoOf(entry.value)
    },
    async list(account, bucket) {
      const found: ObjectInfo[] = []
      for await (const { value } of entries.list<StoredObject>(subjects.objectOf(account, bucket)))
        if (!('deleteMarker' in value)) found.push(infoOf(current(value)))
      return sortByKey(found)
    },
    async listVersions(account, bucket) {
      const found: ObjectEntry[] = []
      for await (const { value } of entries.list<StoredObject>(subjects.objectOf(account, bucket)))
        found.push(current(value))
      return sortByKey(found).flatMap((entry) =>
        versionsIn(entry).map((one, at) => ({ ...infoOf(one), versionId: versionIdOf(one), isLatest: at === 0 })),
      )
    },
  }
}

/** Entries that were written before there were uploads in parts name one blob. */
type StoredObject =
  | ObjectEntry
  | (Omit<ObjectEntry, 'etag' | 'blobs'> & { readonly md5: string; readonly blobId: string })

const current = (stored: StoredObject): ObjectEntry => {
  if ('blobs' in stored) return stored
  const { md5, blobId, ...rest } = stored
  return { ...rest, etag: md5, blobs: [{ blobId, sizeBytes: stored.sizeBytes }] }
}

const sameBlobs = (a: ObjectEntry, b: ObjectEntry): boolean =>
  a.blobs.length > 0 &&
  a.blobs.length === b.blobs.length &&
  a.blobs.every(({ blobId }, at) => blobId === b.blobs[at]?.blobId)

const holds = (condition: PutCondition, entry: StoredEntry<ObjectEntry> | undefined): boolean =>
  condition.kind === 'absent'
    ? entry === undefined || entry.value.deleteMarker === true
    : entry?.value.etag === condition.etag

async function* none(): AsyncGenerator<Uint8Array> {}

/** S3 orders keys by their UTF-8 bytes, which is not the order of JavaScript strings. */
const sortByKey = <T extends ObjectInfo>(list: readonly T[]): T[] =>
  list
    .map((info) => ({ info, bytes: Buffer.from(info.key) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ info }) => info)
