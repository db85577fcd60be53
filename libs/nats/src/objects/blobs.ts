import { createHash, randomUUID } from 'node:crypto'
import { type AccountId, streams, subjects } from '@weft/contracts'
import type { NatsLink } from '../link.ts'
import { publishStored, StoreFull } from '../publish.ts'
import { isNoMessage } from './entries.ts'

/** Bytes that are stored and never change. */
export interface Blob {
  readonly blobId: string
  readonly sizeBytes: number
}

export interface WrittenBlob extends Blob {
  /** Hex. */
  readonly md5: string
}

export type Bytes = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** The bytes of objects, in parts of `partBytes`. Holds no more than a part in memory. */
export interface Blobs {
  readonly partBytes: number
  /** Rejects when they cannot be stored; what was stored of them is removed then. */
  write(account: AccountId, bytes: Bytes): Promise<WrittenBlob>
  part(account: AccountId, blobId: string, part: number): Promise<Uint8Array | undefined>
  remove(account: AccountId, ids: readonly string[]): Promise<void>
}

/** Small beside the server's limit of 8 MB, and large enough that a large object has few parts. */
const partBytes = 512 * 1024
const patience = { budgetMs: 15_000, timeoutMs: 5_000 }
/** Blobs that are removed at the same time. */
const removalsAtOnce = 16

export function openBlobs(link: NatsLink): Blobs {
  const store = async (account: AccountId, id: string, part: number, payload: Uint8Array): Promise<void> => {
    const message = { subject: subjects.blob(account, id, part), payload, messageId: `${id}.${part}` }
    const stored = await publishStored(link.js, { ...message, stream: streams.blobs }, patience)
    if (stored.ok) return
    const { kind, cause } = stored.error
    const text = `an object cannot be stored: ${kind}`
    throw kind === 'store-full' ? new StoreFull(text, { cause }) : new Error(text, { cause })
  }
  const remove = async (account: AccountId, ids: readonly string[]): Promise<void> => {
    const left = [...ids]
    const work = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop())
        await link.jsm.streams.purge(streams.blobs, { filter: subjects.blobOf(account, id) })
    }
    await Promise.all(Array.from({ length: removalsAtOnce }, work))
  }
  return {
    partBytes,
    remove,
    async write(account, bytes) {
      const blobId = randomUUID()
      const md5 = createHash('md5')
      let sizeBytes = 0
      let part = 0
      try {
        for await (const chunk of inParts(bytes)) {
          md5.update(chunk)
          sizeBytes += chunk.byteLength
          await store(account, blobId, part++, chunk)
        }
      } catch (error) {
        // The trouble itself is told; what stays when the store is away is found by nobody.
        await remove(account, [blobId]).catch(() => undefined)
        throw error
      }
      return { blobId, sizeBytes, md5: md5.digest('hex') }
    },
    async part(account, blobId, part) {
      const query = { last_by_subj: subjects.blob(account, blobId, part) }
      const near = await link.jsm.direct.getMessage(streams.blobs, query)
      if (near) return near.data
      // A copy that lags may not have it yet; the leader has.
      try {
        return (await link.jsm.streams.getMessage(streams.blobs, query))?.data
      } catch (error) {
        if (isNoMessage(error)) return undefined
        throw error
      }
    },
  }
}

/** Chunks of whatever size as parts of one size, but for the last. */
async function* inParts(bytes: Bytes): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  for await (let chunk of bytes) {
    while (size + chunk.byteLength >= partBytes) {
      const fits = partBytes - size
      yield held.length === 0 ? chunk.subarray(0, fits) : Buffer.concat([...held, chunk.subarray(0, fits)])
      chunk = chunk.subarray(fits)
      held = []
      size = 0
    }
    if (chunk.byteLength === 0) continue
    held.push(chunk)
    size += chunk.byteLength
  }
  if (size > 0) yield held.length === 1 ? (held[0] as Uint8Array) : Buffer.concat(held)
}
