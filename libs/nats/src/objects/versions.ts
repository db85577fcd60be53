import { randomBytes } from 'node:crypto'
import type { ObjectEntry } from './object-entry.ts'

/** Of a bucket that has had versions once; S3 knows no way back. */
export type Versioning = 'Enabled' | 'Suspended'

/** What a change makes of a key: nothing when `next` is undefined; the bytes of what is `gone` can go. */
export interface Changed {
  readonly next: ObjectEntry | undefined
  readonly gone: readonly ObjectEntry[]
}

/** All versions of a key lie in one entry, so that a change of one is a change of all or of none; more would not fit. */
export const mostVersions = 1_000

export const nullVersion = 'null'
export const newVersionId = (): string => randomBytes(24).toString('base64url')

/** What was there before its bucket had versions has the id that versions are given while they are suspended. */
export const versionIdOf = ({ versionId = nullVersion }: ObjectEntry): string => versionId

/** Newest first. */
export function versionsIn(entry: ObjectEntry | undefined): readonly ObjectEntry[] {
  if (!entry) return []
  const { older = [], ...newest } = entry
  return [newest, ...older]
}

function joined([newest, ...older]: readonly ObjectEntry[]): ObjectEntry | undefined {
  return newest && (older.length > 0 ? { ...newest, older } : newest)
}

/** An object, or the mark that it is deleted, is put where versions are kept, suspended, or unknown. */
export function withVersion(
  before: ObjectEntry | undefined,
  fresh: ObjectEntry,
  versioning: Versioning | undefined,
): Changed & { readonly next: ObjectEntry } {
  const known = versionsIn(before)
  if (versioning === undefined) return { next: fresh, gone: known }
  const versionId = versioning === 'Enabled' ? newVersionId() : nullVersion
  const kept = known.filter((one) => versionIdOf(one) !== versionId)
  const next = { ...fresh, versionId, ...(kept.length > 0 && { older: kept }) }
  return { next, gone: known.filter((one) => versionIdOf(one) === versionId) }
}

/** One version is taken away for good; the newest that is left is the object then. */
export function withoutVersion(before: ObjectEntry, versionId: string): Changed {
  const known = versionsIn(before)
  return {
    next: joined(known.filter((one) => versionIdOf(one) !== versionId)),
    gone: known.filter((one) => versionIdOf(one) === versionId),
  }
}

/** The object itself, or the version of that id. */
export const versionOf = (entry: ObjectEntry | undefined, versionId: string | undefined): ObjectEntry | undefined =>
  versionsIn(entry).find((one, at) => (versionId === undefined ? at === 0 : versionIdOf(one) === versionId))

/** Says of a key that it is deleted, without its older versions being so. */
export const deletionMark = (key: string, lastModifiedMs: number): ObjectEntry => ({
  ...{ key, lastModifiedMs, sizeBytes: 0, etag: '', headers: {}, blobs: [], partBytes: 1, deleteMarker: true },
})
