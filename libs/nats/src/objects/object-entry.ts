import type { AccountId } from '@weft/contracts'
import type { Blob, Blobs } from './blobs.ts'

export interface ObjectInfo {
  readonly key: string
  readonly sizeBytes: number
  /** Hex MD5 of the bytes; of an upload in parts the MD5 of those of its parts, with `-` and their number. */
  readonly etag: string
  readonly lastModifiedMs: number
  /** Kept and given back as they came; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Where its bucket keeps versions. */
  readonly versionId?: string
  /** It is no object: it says that the key is deleted. */
  readonly deleteMarker?: true
}

export interface ByteRange {
  /** First and last byte, both included, inside the object. */
  readonly first: number
  readonly last: number
}

/** An object as it is kept: what is known of it, and the blobs that are its bytes, in order. */
export interface ObjectEntry extends ObjectInfo {
  readonly blobs: readonly Blob[]
  readonly partBytes: number
  /** Versions before this one, newest first; none of them has any of its own. */
  readonly older?: readonly ObjectEntry[]
}

export function infoOf(entry: ObjectEntry): ObjectInfo {
  const { blobs: _blobs, partBytes: _partBytes, older: _older, ...info } = entry
  return info
}

interface Place {
  readonly blobId: string
  readonly part: number
  /** Of the part's first byte within the object. */
  readonly start: number
}

/** Where the parts lie that hold bytes of the range. */
export function* placesOf({ blobs, partBytes }: ObjectEntry, range: ByteRange): Generator<Place> {
  let start = 0
  for (const { blobId, sizeBytes } of blobs) {
    const skipped = Math.max(0, Math.floor((range.first - start) / partBytes))
    const before = range.first >= start + sizeBytes
    for (let part = skipped; !before && part * partBytes < sizeBytes; part++) {
      const at = start + part * partBytes
      if (at > range.last) return
      yield { blobId, part, start: at }
    }
    start += sizeBytes
  }
}

/** Rejects when a part is gone because the object was replaced meanwhile. `first`: the first part, read already. */
export async function* readRange(
  blobs: Blobs,
  account: AccountId,
  entry: ObjectEntry,
  range: ByteRange,
  first: Uint8Array,
): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array | undefined = first
  for (const { blobId, part, start } of placesOf(entry, range)) {
    const bytes = ready ?? (await blobs.part(account, blobId, part))
    ready = undefined
    if (!bytes) throw new Error('the object was replaced while it was read')
    yield bytes.subarray(Math.max(0, range.first - start), range.last - start + 1)
  }
}
