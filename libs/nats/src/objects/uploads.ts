import { createHash, randomUUID } from 'node:crypto'
import { type AccountId, err, ok, type Result, subjects } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { Blobs, Bytes, WrittenBlob } from './blobs.ts'
import type { Entries, StoredEntry } from './entries.ts'
import { infoOf, type ObjectEntry, type ObjectInfo } from './object-entry.ts'
import type { PutCondition, PutTrouble } from './object-store.ts'
import type { Quota } from './quota.ts'

export interface UploadInfo {
  readonly uploadId: string
  readonly key: string
  readonly startedAtMs: number
}

export interface PartInfo {
  readonly partNumber: number
  readonly sizeBytes: number
  /** Hex MD5 of its bytes. */
  readonly etag: string
  readonly lastModifiedMs: number
}

export type CompleteTrouble = 'no-upload' | 'invalid-part' | 'too-small' | PutTrouble

/** Uploads of objects in parts, as of S3. Rejects when the store is unreachable or full. */
export interface Uploads {
  begin(
    account: AccountId,
    bucket: string,
    key: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Result<string, 'no-bucket'>>
  /** A part that is put again takes the place of the first. */
  putPart(
    account: AccountId,
    bucket: string,
    upload: { readonly key: string; readonly uploadId: string },
    partNumber: number,
    body: Bytes,
  ): Promise<Result<PartInfo, 'no-upload' | 'quota-exceeded'>>
  /** In order of number. */
  parts(
    account: AccountId,
    bucket: string,
    upload: { readonly key: string; readonly uploadId: string },
  ): Promise<Result<readonly PartInfo[], 'no-upload'>>
  /** In order of key and then of time. */
  list(account: AccountId, bucket: string): Promise<readonly UploadInfo[]>
  /** Makes the object of the named parts, in that order; what else was uploaded goes. May be repeated when no answer came. */
  complete(
    account: AccountId,
    bucket: string,
    upload: { readonly key: string; readonly uploadId: string },
    parts: readonly { readonly partNumber: number; readonly etag: string }[],
    condition?: PutCondition,
  ): Promise<Result<ObjectInfo, CompleteTrouble>>
  abort(
    account: AccountId,
    bucket: string,
    upload: { readonly key: string; readonly uploadId: string },
  ): Promise<Result<void, 'no-upload'>>
  /** Those of a bucket that is gone. */
  abortAll(account: AccountId, bucket: string): Promise<void>
}

/** S3 user guide, "Multipart upload limits": of every part but the last. */
export const leastPartBytes = 5 * 1024 * 1024

interface UploadEntry {
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly startedAtMs: number
  /** From then on its parts stay what they are: an object may be made of them. */
  readonly completing?: true
}

interface PartEntry extends WrittenBlob {
  readonly lastModifiedMs: number
}

export interface UploadsDeps {
  readonly entries: Entries
  readonly blobs: Blobs
  readonly clock: Pick<Clock, 'now'>
  readonly quota: Quota
  readonly isThere: (account: AccountId, bucket: string) => Promise<boolean>
  readonly replace: (
    account: AccountId,
    bucket: string,
    entry: ObjectEntry,
    condition: PutCondition | undefined,
  ) => Promise<Result<ObjectInfo, PutTrouble>>
  readonly objectAt: (account: AccountId, bucket: string, key: string) => Promise<ObjectEntry | undefined>
}

type Named = { readonly key: string; readonly uploadId: string }
const isUploadId = (id: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)

export function objectUploads({ entries, blobs, clock, quota, isThere, replace, objectAt }: UploadsDeps): Uploads {
  const find = async (account: AccountId, bucket: string, { key, uploadId }: Named) => {
    if (!isUploadId(uploadId)) return undefined
    const entry = await entries.read<UploadEntry>(subjects.upload(account, bucket, uploadId))
    return entry?.value.key === key ? entry : undefined
  }
  const partsOf = async (account: AccountId, bucket: string, uploadId: string) => {
    const found = new Map<number, PartEntry>()
    for await (const { subject, value } of entries.list<PartEntry>(subjects.uploadParts(account, bucket, uploadId)))
      found.set(Number(subject.split('.').at(-1)), value)
    return found
  }
  /** Removes an upload with all its parts but those whose blobs are in use. */
  const forget = async (account: AccountId, bucket: string, uploadId: string, inUse: ReadonlySet<string>) => {
    const parts = await partsOf(account, bucket, uploadId)
    await entries.remove(subjects.uploadParts(account, bucket, uploadId))
    await entries.remove(subjects.upload(account, bucket, uploadId))
    const unused = [...parts.values()].map(({ blobId }) => blobId).filter((id) => !inUse.has(id))
    await blobs.remove(account, unused)
  }
  /** Seals an upload, so that nobody changes its parts. Undefined: it is gone. */
  const seal = async (
    account: AccountId,
    bucket: string,
    named: Named,
  ): Promise<StoredEntry<UploadEntry> | undefined> => {
    for (;;) {
      const upload = await find(account, bucket, named)
      if (!upload || upload.value.completing) return upload
      const sealed: UploadEntry = { ...upload.value, completing: true }
      const sequence = await entries.write(subjects.upload(account, bucket, named.uploadId), sealed, upload.sequence)
      if (sequence !== undefined) return { value: sealed, sequence }
    }
  }
  return {
    async begin(account, bucket, key, headers) {
      if (!(await isThere(account, bucket))) return err('no-bucket')
      const uploadId = randomUUID()
      const entry: UploadEntry = { key, headers, startedAtMs: clock.now() }
      await entries.write(subjects.upload(account, bucket, uploadId), entry, 0)
      return ok(uploadId)
    },
    async putPart(account, bucket, named, partNumber, body) {
      const upload = await find(account, bucket, named)
      if (!upload || upload.value.completing) return err('no-upload')
      const written = await blobs.write(account, body)
      if (!(await quota.admits(account, written.sizeBytes))) {
        await blobs.remove(account, [written.blobId])
        return err('quota-exceeded')
      }
      const part: PartEntry = { ...written, lastModifiedMs: clock.now() }
      const subject = subjects.uploadPart(account, bucket, named.uploadId, partNumber)
      for (;;) {
        const before = await entries.read<PartEntry>(subject)
        if ((await entries.write(subject, part, before?.sequence ?? 0)) === undefined) continue
        const now = await find(account, bucket, named)
        // Sealed in between: the object may be made of the part that was there before, or of this one.
        if (!now || now.value.completing) return err('no-upload')
        if (before) await blobs.remove(account, [before.value.blobId])
        return ok(partInfo(partNumber, part))
      }
    },
    async parts(account, bucket, named) {
      if (!(await find(account, bucket, named))) return err('no-upload')
      const found = await partsOf(account, bucket, named.uploadId)
      return ok([...found].sort(([a], [b]) => a - b).map(([number, part]) => partInfo(number, part)))
    },
    async list(account, bucket) {
      const found: UploadInfo[] = []
      for await (const { subject, value } of entries.list<UploadEntry>(subjects.uploadsOf(account, bucket)))
        found.push({ uploadId: subject.split('.')[4] ?? '', key: value.key, startedAtMs: value.startedAtMs })
      return found.sort(
        (a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || a.startedAtMs - b.startedAtMs,
      )
    },
    async complete(account, bucket, named, wanted, condition) {
      const begun = await find(account, bucket, named)
      const before = await objectAt(account, bucket, named.key)
      if (before?.etag === etagOf(wanted.map(({ etag }) => etag)) && (!begun || begun.value.completing)) {
        // An earlier try made it, and no answer came.
        const inUse = new Set(before.blobs.map(({ blobId }) => blobId))
        if (begun) await forget(account, bucket, named.uploadId, inUse)
        return ok(infoOf(before))
      }
      if (!begun) return err('no-upload')
      const trouble = troubleWith(wanted, await partsOf(account, bucket, named.uploadId))
      if (trouble) return err(trouble)
      const upload = await seal(account, bucket, named)
      if (!upload) return err('no-upload')
      // Looked at again: only now nobody changes them.
      const sealed = await partsOf(account, bucket, named.uploadId)
      const chosen = wanted.flatMap(({ partNumber }) => sealed.get(partNumber) ?? [])
      if (troubleWith(wanted, sealed)) return err('invalid-part')
      const { key, headers } = upload.value
      const entry: ObjectEntry = {
        ...{
          key,
          headers,
          etag: etagOf(chosen.map(({ md5 }) => md5)),
          lastModifiedMs: clock.now(),
          partBytes: blobs.partBytes,
        },
        sizeBytes: chosen.reduce((sum, part) => sum + part.sizeBytes, 0),
        blobs: chosen.map(({ blobId, sizeBytes }) => ({ blobId, sizeBytes })),
      }
      const made = await replace(account, bucket, entry, condition)
      if (!made.ok) {
        const { completing: _, ...open } = upload.value
        await entries.write(subjects.upload(account, bucket, named.uploadId), open, upload.sequence)
        return made
      }
      await forget(account, bucket, named.uploadId, new Set(entry.blobs.map(({ blobId }) => blobId)))
      return made
    },
    async abort(account, bucket, named) {
      const upload = await find(account, bucket, named)
      if (!upload || upload.value.completing) return err('no-upload')
      // A completion that comes between has sealed it, and then this is lost.
      const sealed: UploadEntry = { ...upload.value, completing: true }
      const subject = subjects.upload(account, bucket, named.uploadId)
      if ((await entries.write(subject, sealed, upload.sequence)) === undefined) return err('no-upload')
      await forget(account, bucket, named.uploadId, new Set())
      return ok(undefined)
    },
    async abortAll(account, bucket) {
      for (const { uploadId } of await this.list(account, bucket)) await forget(account, bucket, uploadId, new Set())
    },
  }
}

const partInfo = (partNumber: number, { sizeBytes, md5, lastModifiedMs }: PartEntry): PartInfo => ({
  ...{ partNumber, sizeBytes, etag: md5, lastModifiedMs },
})

function troubleWith(
  wanted: readonly { readonly partNumber: number; readonly etag: string }[],
  known: ReadonlyMap<number, PartEntry>,
): 'invalid-part' | 'too-small' | undefined {
  if (wanted.some(({ partNumber, etag }) => known.get(partNumber)?.md5 !== etag)) return 'invalid-part'
  const tooSmall = wanted
    .slice(0, -1)
    .some(({ partNumber }) => (known.get(partNumber)?.sizeBytes ?? 0) < leastPartBytes)
  return tooSmall ? 'too-small' : undefined
}

/** The ETag of S3's multipart uploads. */
function etagOf(parts: readonly string[]): string {
  const md5 = createHash('md5')
  for (const part of parts) md5.update(Buffer.from(part, 'hex'))
  return `${md5.digest('hex')}-${parts.length}`
}
