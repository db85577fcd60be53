import { createHash } from 'node:crypto'
import { JetStreamApiError } from '@nats-io/jetstream'
import { type ObjectStore, Objm } from '@nats-io/obj'
import { headers } from '@nats-io/transport-node'
import { buckets, err, ok, type Result } from '@weft/contracts'
import type { CodeInventory, CodeStore, StoredPackage } from '@weft/registry'
import type { NatsLink } from './link.ts'
import { streamReader } from './stream-reader.ts'

/** Fewer, larger messages: with a store that syncs every write each one costs a flush of the disk. */
const chunkBytes = 1024 * 1024
/** Owners of one package that meet; each time one of them wins. */
const putAttempts = 20
const noMessageFound = 10037
const wrongLastSequence = [10071, 10164]

const stream = `OBJ_${buckets.code}`

/** Packages in the object store of the fabric, named by their SHA-256. */
export async function openCodeStore(link: NatsLink): Promise<CodeStore> {
  const store = await new Objm(link.js).open(buckets.code)
  return {
    async put(zip) {
      const digest = digestOf(zip)
      for (let left = putAttempts; left > 0; left--) {
        const entry = await readEntry(link, digest)
        // Of an upload that died midway there is no entry: it is written last.
        if (!entry || entry.info.deleted || entry.info.size !== zip.byteLength) {
          await store.putBlob({ name: digest, options: { max_chunk_size: chunkBytes } }, zip)
          return
        }
        // Written anew, so that who clears up sees it is wanted, and does not remove what it saw before.
        if ((await writeEntry(link, entry, entry.info)).ok) return
      }
      throw new Error(`package ${digest} keeps being changed`)
    },
    async get(digest) {
      const zip = await read(store, digest)
      if (digestOf(zip) !== digest) throw new Error(`package ${digest} is damaged in the store`)
      return zip
    },
  }
}

/** What is in the store, to be cleared up by its owner. */
export function openCodeInventory(link: NatsLink): CodeInventory {
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
      const entry = await readEntry(link, digest)
      if (entry?.revision !== revision) return err('conflict')
      const gone = { ...entry.info, size: 0, chunks: 0, digest: '', deleted: true }
      const written = await writeEntry(link, entry, gone)
      if (!written.ok) return written
      await link.jsm.streams.purge(stream, { filter: `$O.${buckets.code}.C.${entry.info.nuid}` })
      return ok(undefined)
    },
  }
}

/** The part of the object store's own entries that is read here; the rest is handed on as it is. */
interface EntryInfo {
  readonly name: string
  /** Names the parts. */
  readonly nuid: string
  readonly size: number
  readonly deleted?: boolean
}

interface Entry {
  readonly info: EntryInfo
  readonly revision: number
}

const subjectOf = (digest: string): string =>
  `$O.${buckets.code}.M.${Buffer.from(digest).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`

async function readEntry(link: NatsLink, digest: string): Promise<Entry | undefined> {
  try {
    const found = await link.jsm.streams.getMessage(stream, { last_by_subj: subjectOf(digest) })
    return found ? { info: parse(found.data), revision: found.seq } : undefined
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === noMessageFound) return undefined
    throw error
  }
}

async function writeEntry(link: NatsLink, { revision }: Entry, info: EntryInfo): Promise<Result<void, 'conflict'>> {
  const header = headers()
  header.set('Nats-Rollup', 'sub')
  try {
    await link.js.publish(subjectOf(info.name), JSON.stringify(info), {
      headers: header,
      expect: { lastSubjectSequence: revision },
    })
    return ok(undefined)
  } catch (error) {
    if (error instanceof JetStreamApiError && wrongLastSequence.includes(error.code)) return err('conflict')
    throw error
  }
}

const parse = (data: Uint8Array): EntryInfo => JSON.parse(new TextDecoder().decode(data)) as EntryInfo

async function read(store: ObjectStore, digest: string): Promise<Uint8Array> {
  const zip = await store.getBlob(digest)
  if (!zip) throw new Error(`package ${digest} is not in the store`)
  return zip
}

const digestOf = (zip: Uint8Array): string => createHash('sha256').update(zip).digest('hex')
