import { createHash } from 'node:crypto'
import { type ObjectStore, Objm } from '@nats-io/obj'
import { buckets } from '@weft/contracts'
import type { CodeStore } from '@weft/registry'
import type { NatsLink } from './link.ts'

/** Fewer, larger messages: with a store that syncs every write each one costs a flush of the disk. */
const chunkBytes = 1024 * 1024

/** Packages in the object store of the fabric, named by their SHA-256. */
export async function openCodeStore(link: NatsLink): Promise<CodeStore> {
  const store = await new Objm(link.js).open(buckets.code)
  return {
    async put(zip) {
      const digest = digestOf(zip)
      const existing = await store.info(digest)
      // Of an upload that died midway there is no entry: it is written last.
      if (existing?.size !== zip.byteLength)
        await store.putBlob({ name: digest, options: { max_chunk_size: chunkBytes } }, zip)
    },
    async get(digest) {
      const zip = await read(store, digest)
      if (digestOf(zip) !== digest) throw new Error(`package ${digest} is damaged in the store`)
      return zip
    },
  }
}

async function read(store: ObjectStore, digest: string): Promise<Uint8Array> {
  const zip = await store.getBlob(digest)
  if (!zip) throw new Error(`package ${digest} is not in the store`)
  return zip
}

const digestOf = (zip: Uint8Array): string => createHash('sha256').update(zip).digest('hex')
