import { buckets } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import { readLast, writeLast } from '../buckets/cas.ts'
import type { NatsLink } from '../link.ts'

export const codeStream = `OBJ_${buckets.code}`

/** What the object stores of NATS keep of an object. */
export interface CodeEntry {
  /** The digest. */
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

export interface StoredEntry {
  readonly info: CodeEntry
  readonly revision: number
}

export const entrySubjects = `$O.${buckets.code}.M.>`
const subjectOf = (digest: string): string =>
  `$O.${buckets.code}.M.${Buffer.from(digest).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`

export async function readEntryOf(link: NatsLink, digest: string): Promise<StoredEntry | undefined> {
  const found = await readLast(link, codeStream, subjectOf(digest))
  return found && { info: parseEntry(found.data), revision: found.seq }
}

export const writeEntryOf = (link: NatsLink, clock: Clock, info: CodeEntry, expected: number) =>
  writeLast(link, clock, {
    ...{ stream: codeStream, subject: subjectOf(info.name), expected },
    payload: new TextEncoder().encode(JSON.stringify({ ...info, mtime: new Date(clock.now()).toISOString() })),
    headers: { 'Nats-Rollup': 'sub' },
  })

export const parseEntry = (data: Uint8Array): CodeEntry => JSON.parse(new TextDecoder().decode(data)) as CodeEntry
