import { createHash } from 'node:crypto'
import { type ObjectStore, Objm } from '@nats-io/obj'
import { buckets, type CodeLocation } from '@weft/contracts'
import type { CodeStore } from '@weft/registry'
import type { NatsLink } from './link.ts'

/** Fewer, larger messages: with a store that syncs every write each one costs a flush of the disk. */
const chunkBytes = 1024 * 1024

/** Packages in the object store of the fabric, named by their SHA-256. */
export async function openCodeStore(link: NatsLink): Promise<CodeStore> {
  const store = await new Objm(link.js).open(buckets.code)
  return {
    async put(zip) {
      const location = locationOf(zip)
      const existing = await store.info(location.digest)
      // Of an upload that died midway there is no entry: it is written last.
      if (existing?.size !== zip.byteLength)
        await store.putBlob({ name: location.digest, options: { max_chunk_size: chunkBytes } }, zip)
      return location
    },
    async get(digest) {
      const zip = await read(store, digest)
      if (locationOf(zip).digest !== digest) throw new Error(`package ${digest} is damaged in the store`)
      return zip
    },
  }
}

async function read(store: ObjectStore, digest: string): Promise<Uint8Array> {
  const zip = await store.getBlob(digest)
  if (!zip) throw new Error(`package ${digest} is not in the store`)
  return zip
}

function locationOf(zip: Uint8Array): CodeLocation {
  const hash = createHash('sha256').update(zip).digest()
  return { digest: hash.toString('hex'), sha256: hash.toString('base64'), sizeBytes: zip.byteLength }
}
