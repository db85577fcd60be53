import { createHash } from 'node:crypto'
import { ok, type Result } from '@weft/contracts'
import { type Clock, systemClock } from '@weft/platform'
import type { CodeStore, PutProblem } from '@weft/registry'
import { neverWritten } from './buckets/cas.ts'
import { type CodeEntry, readEntryOf, writeEntryOf } from './code/entries.ts'
import { getParts, putParts, removeParts } from './code/parts.ts'
import type { NatsLink } from './link.ts'

export { openCodeInventory } from './code/inventory.ts'

/** Owners of one package that meet those who remove it. */
const putAttempts = 20

/**
 * Code in an object store of NATS, named by its SHA-256, in its own layout. Its client is not used for the bytes:
 * after a timeout on the entry it removes the parts, though the entry may be stored, and it waits for ever for parts
 * that are missing. Here an entry that can be read always has its parts.
 */
export function openCodeStore(link: NatsLink, clock: Clock = systemClock): CodeStore {
  /** Names the code, which `make` stores if it is not there. */
  const name = async (
    digest: string,
    make: () => Promise<Result<CodeEntry, PutProblem>>,
  ): Promise<Result<void, PutProblem>> => {
    let own: CodeEntry | undefined
    let foundAt: number | undefined
    const done = async (kept: CodeEntry): Promise<Result<void, PutProblem>> => {
      if (own && own.nuid !== kept.nuid) await removeParts(link, own)
      return ok(undefined)
    }
    for (let left = putAttempts; left > 0; left--) {
      const entry = await readEntryOf(link, digest)
      const revision = entry?.revision ?? neverWritten
      foundAt ??= revision
      const there = entry && !entry.info.deleted ? entry.info : undefined
      // Another has named it meanwhile, which says as much.
      if (there && revision > foundAt) return done(there)
      if (!there && !own) {
        const made = await make()
        if (!made.ok) return made
        own = made.value
      }
      // An entry is written anew, so that who clears up sees it is wanted, and does not remove what it saw before.
      const info = there ?? (own as CodeEntry)
      if ((await writeEntryOf(link, clock, info, revision)).ok) return done(info)
    }
    if (own) await removeParts(link, own)
    throw new Error(`code ${digest} keeps being changed`)
  }
  const entryOf = async (digest: string): Promise<CodeEntry> => {
    const entry = await readEntryOf(link, digest)
    if (!entry || entry.info.deleted) throw new Error(`code ${digest} is not in the store`)
    return entry.info
  }
  return {
    async put(zip) {
      const digest = createHash('sha256').update(zip).digest('hex')
      const kept = await name(digest, () => putParts(link, { digest, sizeBytes: zip.byteLength }, [zip]))
      if (!kept.ok) throw new Error(`code ${digest} cannot be stored: ${kept.error}`)
    },
    async get(digest) {
      const info = await entryOf(digest)
      const zip = Buffer.allocUnsafe(info.size)
      let bytes = 0
      for await (const part of getParts(link, clock, info)) {
        zip.set(part, bytes)
        bytes += part.byteLength
      }
      if (createHash('sha256').update(zip).digest('hex') !== digest)
        throw new Error(`code ${digest} is damaged in the store`)
      return zip
    },
    putStream: (digest, sizeBytes, source) => name(digest, () => putParts(link, { digest, sizeBytes }, source)),
    async *getStream(digest) {
      const hash = createHash('sha256')
      for await (const part of getParts(link, clock, await entryOf(digest))) {
        hash.update(part)
        yield part
      }
      if (hash.digest('hex') !== digest) throw new Error(`code ${digest} is damaged in the store`)
    },
  }
}
