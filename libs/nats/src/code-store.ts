import { createHash, randomUUID } from 'node:crypto'
import { buckets, err, ok } from '@weft/contracts'
import { type Clock, systemClock } from '@weft/platform'
import type { CodeInventory, CodeStore, StoredPackage } from '@weft/registry'
import { neverWritten, readLast, writeLast } from './buckets/cas.ts'
import type { NatsLink } from './link.ts'
import { type PublishPatience, publishStored } from './publish.ts'
import { streamReader } from './stream-reader.ts'

/** Fewer, larger messages: with a store that syncs every write each one costs a flush of the disk. */
const partBytes = 1024 * 1024
const partPatience: PublishPatience = { budgetMs: 10_000, timeoutMs: 5_000 }
/** A package whose parts stop coming has been removed while it was read. */
const stallMs = 15_000
/** Owners of one package that meet; each time one of them wins. */
const putAttempts = 20

const stream = `OBJ_${buckets.code}`

/**
 * Packages in an object store of NATS, named by their SHA-256, in its own layout. Its client is not used for the bytes:
 * after a timeout on the entry it removes the parts, though the entry may be stored, and it waits for ever for parts
 * that are missing. Here an entry that can be read always has its parts.
 */
export function openCodeStore(link: NatsLink, clock: Clock = systemClock): CodeStore {
  return {
    async put(zip) {
      const digest = digestOf(zip)
      for (let left = putAttempts; left > 0; left--) {
        const entry = await readInfo(link, digest)
        // An entry is written anew, so that who clears up sees it is wanted, and does not remove what it saw before.
        const info = entry && !entry.info.deleted ? entry.info : await putParts(link, digest, zip)
        if ((await writeInfo(link, clock, info, entry?.revision ?? neverWritten)).ok) return
        if (info !== entry?.info) await removeParts(link, info)
      }
      throw new Error(`package ${digest} keeps being changed`)
    },
    async get(digest) {
      const entry = await readInfo(link, digest)
      if (!entry || entry.info.deleted) throw new Error(`package ${digest} is not in the store`)
      const zip = await getParts(link, clock, entry.info)
      if (digestOf(zip) !== digest) throw new Error(`package ${digest} is damaged in the store`)
      return zip
    },
  }
}

async function putParts(link: NatsLink, digest: string, zip: Uint8Array): Promise<EntryInfo> {
  const nuid = randomUUID()
  let chunks = 0
  for (; chunks * partBytes < zip.byteLength; chunks++) {
    const payload = zip.subarray(chunks * partBytes, (chunks + 1) * partBytes)
    const message = { subject: partsOf(nuid), payload, messageId: `${nuid}-${chunks}` }
    const stored = await publishStored(link.js, message, partPatience)
    if (stored.ok) continue
    // What cannot be removed either stays unnamed; that it was not stored is the news.
    await removeParts(link, { nuid }).catch(() => undefined)
    throw new Error(`package ${digest} cannot be stored: ${stored.error.kind}`, { cause: stored.error.cause })
  }
  return {
    ...{ name: digest, bucket: buckets.code, nuid, size: zip.byteLength, chunks },
    ...{ digest: `SHA-256=${Buffer.from(digest, 'hex').toString('base64url')}=`, mtime: '' },
    options: { max_chunk_size: partBytes },
  }
}

async function getParts(link: NatsLink, clock: Clock, { name, nuid, size }: EntryInfo): Promise<Uint8Array> {
  const zip = Buffer.allocUnsafe(size)
  let bytes = 0
  const parts = streamReader(link, stream).scan({ filter: partsOf(nuid), from: { sequence: 1 } })
  const next = parts[Symbol.asyncIterator]()
  try {
    while (bytes < size) {
      const part = await orStall(clock, next.next())
      if (!part || part.done || bytes + part.value.data.length > size)
        throw new Error(`package ${name} lacks parts in the store`)
      zip.set(part.value.data, bytes)
      bytes += part.value.data.length
    }
    return zip
  } finally {
    // Not awaited: it waits for what is being waited for.
    void next.return?.()
  }
}

/** Undefined when nothing comes for too long. */
async function orStall<T>(clock: Clock, coming: Promise<T>): Promise<T | undefined> {
  const stalled = Promise.withResolvers<undefined>()
  const timer = clock.schedule(stallMs, () => stalled.resolve(undefined))
  try {
    return await Promise.race([coming, stalled.promise])
  } finally {
    timer.cancel()
  }
}

const removeParts = (link: NatsLink, { nuid }: Pick<EntryInfo, 'nuid'>) =>
  link.jsm.streams.purge(stream, { filter: partsOf(nuid) })

/** What is in the store, to be cleared up by its owner. */
export function openCodeInventory(link: NatsLink, clock: Clock = systemClock): CodeInventory {
  return {
    async list() {
      const packages: StoredPackage[] = []
      const from = { sequence: 1 }
      for await (const message of streamReader(link, stream).scan({ filter: `$O.${buckets.code}.M.>`, from })) {
        const { name, deleted } = parse(message.data)
        const { storedAtMs, sequence: revision } = message
        if (!deleted) packages.push({ digest: name, storedAtMs, revision })
      }
      return packages
    },
    async remove(digest, revision) {
      const entry = await readInfo(link, digest)
      if (entry?.revision !== revision) return err('conflict')
      const gone = { ...entry.info, size: 0, chunks: 0, digest: '', deleted: true }
      const written = await writeInfo(link, clock, gone, entry.revision)
      if (!written.ok) return written
      await removeParts(link, entry.info)
      return ok(undefined)
    },
  }
}

/** What the object stores of NATS keep of an object. */
interface EntryInfo {
  readonly name: string
  readonly bucket: string
  /** Names the parts. */
  readonly nuid: string
  readonly size: number
  readonly chunks: number
  readonly digest: string
  readonly mtime: string
  readonly deleted?: boolean
  readonly options?: { readonly max_chunk_size: number }
}

interface Entry {
  readonly info: EntryInfo
  readonly revision: number
}

const partsOf = (nuid: string): string => `$O.${buckets.code}.C.${nuid}`
const subjectOf = (digest: string): string =>
  `$O.${buckets.code}.M.${Buffer.from(digest).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`

async function readInfo(link: NatsLink, digest: string): Promise<Entry | undefined> {
  const found = await readLast(link, stream, subjectOf(digest))
  return found && { info: parse(found.data), revision: found.seq }
}

const writeInfo = (link: NatsLink, clock: Clock, info: EntryInfo, expected: number) =>
  writeLast(link, clock, {
    ...{ stream, subject: subjectOf(info.name), expected },
    payload: new TextEncoder().encode(JSON.stringify({ ...info, mtime: new Date(clock.now()).toISOString() })),
    headers: { 'Nats-Rollup': 'sub' },
  })

const parse = (data: Uint8Array): EntryInfo => JSON.parse(new TextDecoder().decode(data)) as EntryInfo

const digestOf = (zip: Uint8Array): string => createHash('sha256').update(zip).digest('hex')
