import { createHash, randomUUID } from 'node:crypto'
import { type AccountId, err, ok } from '@weft/contracts'
import {
  deletionMark,
  infoOf,
  type ObjectEntry,
  type ObjectStore,
  type PutCondition,
  type Uploads,
  type Versioning,
  versionIdOf,
  versionOf,
  versionsIn,
  withoutVersion,
  withVersion,
} from '@weft/nats'

interface MemoryBucket {
  readonly createdAtMs: number
  versioning?: Versioning
  readonly objects: Map<string, ObjectEntry>
}

type Put = ObjectStore['put']
const md5 = (...bytes: readonly Uint8Array[]): string => createHash('md5').update(Buffer.concat(bytes)).digest('hex')

async function whole(bytes: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  if (bytes instanceof Uint8Array) return Buffer.from(bytes)
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts)
}

/** An object store for tests that keeps everything in memory. */
export function memoryObjectStore(now: () => number): ObjectStore {
  const buckets = new Map<string, MemoryBucket>()
  /** Bytes by the id of their blob. */
  const bodies = new Map<string, Buffer>()
  const find = (account: AccountId, bucket: string) => buckets.get(`${account}/${bucket}`)
  const entriesOf = (account: AccountId, bucket: string) =>
    [...(find(account, bucket)?.objects.values() ?? [])].sort((a, b) =>
      Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)),
    )
  const put =
    (etagOf: (body: Buffer) => string): Put =>
    async (account, bucket, key, given, headers, condition) => {
      const found = find(account, bucket)
      if (!found) return err('no-bucket')
      if (condition && !holds(condition, found.objects.get(key))) return err('condition-failed')
      const body = await whole(given)
      const blobId = randomUUID()
      bodies.set(blobId, body)
      const about = { key, sizeBytes: body.byteLength, etag: etagOf(body), lastModifiedMs: now(), headers }
      const blobs = [{ blobId, sizeBytes: body.byteLength }]
      const { next } = withVersion(found.objects.get(key), { ...about, blobs, partBytes: 1 }, found.versioning)
      found.objects.set(key, next)
      return ok(infoOf(next))
    }
  return {
    uploads: memoryUploads(now, find, put),
    async createBucket(account, bucket) {
      if (find(account, bucket)) return err('exists')
      buckets.set(`${account}/${bucket}`, { createdAtMs: now(), objects: new Map() })
      return ok(undefined)
    },
    bucketCreatedAtMs: async (account, bucket) => find(account, bucket)?.createdAtMs,
    async versioning(account, bucket) {
      const found = find(account, bucket)
      return found && (found.versioning ? { status: found.versioning } : {})
    },
    async setVersioning(account, bucket, status) {
      const found = find(account, bucket)
      if (!found) return err('missing')
      found.versioning = status
      return ok(undefined)
    },
    buckets: async (account) =>
      [...buckets]
        .filter(([key]) => key.startsWith(`${account}/`))
        .map(([key, { createdAtMs }]) => ({ name: key.slice(account.length + 1), createdAtMs })),
    async deleteBucket(account, bucket) {
      const found = find(account, bucket)
      if (!found) return err('missing')
      if (found.objects.size > 0) return err('not-empty')
      buckets.delete(`${account}/${bucket}`)
      return ok(undefined)
    },
    put: put(md5),
    async info(account, bucket, key) {
      const entry = find(account, bucket)?.objects.get(key)
      return entry && !entry.deleteMarker ? infoOf(entry) : undefined
    },
    async open(account, bucket, key, rangeOf, versionId) {
      const entry = versionOf(find(account, bucket)?.objects.get(key), versionId)
      if (!entry) return undefined
      const info = infoOf(entry)
      const [blob] = entry.blobs
      const bytes = (blob && bodies.get(blob.blobId)) ?? Buffer.alloc(0)
      const range = entry.deleteMarker ? undefined : rangeOf?.(info)
      return {
        info,
        body: (async function* () {
          yield range ? bytes.subarray(range.first, range.last + 1) : bytes
        })(),
      }
    },
    async remove(account, bucket, key, versionId) {
      const found = find(account, bucket)
      const entry = found?.objects.get(key)
      if (!found || (!entry && !found.versioning)) return undefined
      if (versionId === undefined && found.versioning) {
        const { next } = withVersion(entry, deletionMark(key, now()), found.versioning)
        found.objects.set(key, next)
        return infoOf(next)
      }
      if (!entry) return undefined
      const { next, gone } =
        versionId === undefined ? { next: undefined, gone: [entry] } : withoutVersion(entry, versionId)
      if (next) found.objects.set(key, next)
      else found.objects.delete(key)
      return gone[0] && infoOf(gone[0])
    },
    list: async (account, bucket) =>
      entriesOf(account, bucket)
        .filter(({ deleteMarker }) => !deleteMarker)
        .map(infoOf),
    listVersions: async (account, bucket) =>
      entriesOf(account, bucket).flatMap((entry) =>
        versionsIn(entry).map((one, at) => ({ ...infoOf(one), versionId: versionIdOf(one), isLatest: at === 0 })),
      ),
  }
}

const holds = (condition: PutCondition, entry: ObjectEntry | undefined): boolean =>
  condition.kind === 'absent' ? !entry || entry.deleteMarker === true : entry?.etag === condition.etag

function memoryUploads(
  now: () => number,
  bucketOf: (account: AccountId, bucket: string) => MemoryBucket | undefined,
  put: (etagOf: (body: Buffer) => string) => Put,
): Uploads {
  interface Upload {
    readonly bucket: string
    readonly key: string
    readonly headers: Readonly<Record<string, string>>
    readonly startedAtMs: number
    readonly parts: Map<number, Buffer>
  }
  const uploads = new Map<string, Upload>()
  const find = (bucket: string, named: { readonly key: string; readonly uploadId: string }) => {
    const upload = uploads.get(named.uploadId)
    return upload?.bucket === bucket && upload.key === named.key ? upload : undefined
  }
  const infoOf = (partNumber: number, body: Buffer) => ({
    ...{ partNumber, sizeBytes: body.byteLength, etag: md5(body), lastModifiedMs: now() },
  })
  return {
    async begin(account, bucket, key, headers) {
      if (!bucketOf(account, bucket)) return err('no-bucket')
      const uploadId = randomUUID()
      uploads.set(uploadId, { bucket, key, headers, startedAtMs: now(), parts: new Map() })
      return ok(uploadId)
    },
    async putPart(_, bucket, named, partNumber, bytes) {
      const body = await whole(bytes)
      const upload = find(bucket, named)
      upload?.parts.set(partNumber, body)
      return upload ? ok(infoOf(partNumber, body)) : err('no-upload')
    },
    async parts(_, bucket, named) {
      const upload = find(bucket, named)
      if (!upload) return err('no-upload')
      return ok([...upload.parts].sort(([a], [b]) => a - b).map(([number, body]) => infoOf(number, body)))
    },
    list: async (_, bucket) =>
      [...uploads]
        .filter(([, upload]) => upload.bucket === bucket)
        .map(([uploadId, { key, startedAtMs }]) => ({ uploadId, key, startedAtMs })),
    async complete(account, bucket, named, wanted, condition) {
      const upload = find(bucket, named)
      if (!upload) return err('no-upload')
      const chosen = wanted.map(({ partNumber, etag }) => ({ etag, body: upload.parts.get(partNumber) }))
      if (chosen.some(({ etag, body }) => !body || md5(body) !== etag)) return err('invalid-part')
      const bodies = chosen.flatMap(({ body }) => body ?? [])
      const etag = `${md5(...chosen.map((part) => Buffer.from(part.etag, 'hex')))}-${chosen.length}`
      const made = await put(() => etag)(account, bucket, named.key, Buffer.concat(bodies), upload.headers, condition)
      if (!made.ok) return err(made.error === 'no-bucket' ? 'no-upload' : made.error)
      uploads.delete(named.uploadId)
      return made
    },
    async abort(_, bucket, named) {
      if (!find(bucket, named)) return err('no-upload')
      uploads.delete(named.uploadId)
      return ok(undefined)
    },
    async abortAll(_, bucket) {
      for (const [id, upload] of uploads) if (upload.bucket === bucket) uploads.delete(id)
    },
  }
}
