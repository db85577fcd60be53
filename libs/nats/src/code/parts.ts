import { createHash, randomUUID } from 'node:crypto'
import { buckets, err, ok, type Result } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { PutProblem } from '@weft/registry'
import { readLast } from '../buckets/cas.ts'
import type { NatsLink } from '../link.ts'
import { type PublishPatience, publishStored } from '../publish.ts'
import { streamReader } from '../stream-reader.ts'
import { type CodeEntry, codeStream } from './entries.ts'

/** Fewer, larger messages: with a store that syncs every write each one costs a flush of the disk. */
const partBytes = 1024 * 1024
const partPatience: PublishPatience = { budgetMs: 10_000, timeoutMs: 5_000 }
/** Code whose parts stop coming has been removed while it was read. */
const stallMs = 15_000
/** Parts on their way to a reader: what it costs in memory, whatever the size of the code. */
const partsAhead = 8

export const partSubjects = `$O.${buckets.code}.C.>`
export const partsOf = (nuid: string): string => `$O.${buckets.code}.C.${nuid}`
export const partsId = (subject: string): string => subject.slice(partsOf('').length)

/**
 * Stores what the source gives as parts that nothing names yet. When it is not what was announced, or there is no room,
 * nothing is left of it. Rejects when the store is unreachable or the source rejects.
 */
export async function putParts(
  link: NatsLink,
  code: { readonly digest: string; readonly sizeBytes: number },
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Result<CodeEntry, PutProblem>> {
  const nuid = randomUUID()
  // What cannot be removed stays unnamed; why it was not kept is the news.
  const forget = () => removeParts(link, { nuid }).catch(() => undefined)
  const hash = createHash('sha256')
  let size = 0
  let chunks = 0
  try {
    for await (const payload of inParts(source)) {
      hash.update(payload)
      size += payload.byteLength
      if (size > code.sizeBytes) break
      const message = { subject: partsOf(nuid), payload, messageId: `${nuid}-${chunks++}` }
      const stored = await publishStored(link.js, message, partPatience)
      if (stored.ok) continue
      if (stored.error.kind !== 'store-full')
        throw new Error(`code ${code.digest} cannot be stored: ${stored.error.kind}`, { cause: stored.error.cause })
      await forget()
      return err('full')
    }
  } catch (error) {
    await forget()
    throw error
  }
  if (size !== code.sizeBytes || hash.digest('hex') !== code.digest) {
    await forget()
    return err('different')
  }
  return ok({
    ...{ name: code.digest, bucket: buckets.code, nuid, size, chunks },
    ...{ digest: `SHA-256=${Buffer.from(code.digest, 'hex').toString('base64url')}=`, mtime: '' },
    options: { max_chunk_size: partBytes },
  })
}

async function* inParts(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let part = Buffer.allocUnsafe(partBytes)
  let filled = 0
  for await (const chunk of source)
    for (let at = 0; at < chunk.byteLength; ) {
      const taken = Math.min(partBytes - filled, chunk.byteLength - at)
      part.set(chunk.subarray(at, at + taken), filled)
      filled += taken
      at += taken
      if (filled < partBytes) continue
      yield part
      // A publish may still hold the part that was given out.
      part = Buffer.allocUnsafe(partBytes)
      filled = 0
    }
  if (filled > 0) yield part.subarray(0, filled)
}

/** The bytes of an entry in order. Throws when parts are missing; whether they are the right ones is not looked at. */
export async function* getParts(
  link: NatsLink,
  clock: Clock,
  { name, nuid, size, chunks }: CodeEntry,
): AsyncGenerator<Uint8Array> {
  if (chunks === 1) {
    // Most packages: one question instead of a consumer that is made, read and removed.
    const only = await readLast(link, codeStream, partsOf(nuid))
    if (only?.data.length !== size) throw new Error(`code ${name} lacks parts in the store`)
    yield only.data
    return
  }
  let bytes = 0
  const options = { filter: partsOf(nuid), from: { sequence: 1 }, ahead: partsAhead }
  const next = streamReader(link, codeStream).scan(options)[Symbol.asyncIterator]()
  try {
    while (bytes < size) {
      const part = await orStall(clock, next.next())
      if (!part || part.done || bytes + part.value.data.length > size)
        throw new Error(`code ${name} lacks parts in the store`)
      bytes += part.value.data.length
      yield part.value.data
    }
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

export const removeParts = (link: NatsLink, { nuid }: Pick<CodeEntry, 'nuid'>) =>
  link.jsm.streams.purge(codeStream, { filter: partsOf(nuid) })
