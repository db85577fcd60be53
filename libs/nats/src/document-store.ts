import type { Result } from '@weft/contracts'
import { type Clock, systemClock } from '@weft/platform'
import { readEntry, writeEntry } from './buckets/cas.ts'
import type { NatsLink } from './link.ts'

/** JSON documents in a KV bucket. Rejects when the bucket is unreachable. */
export interface DocumentStore {
  read(key: string): Promise<{ readonly value: unknown; readonly revision: number } | undefined>
  /** Revision 0: only when the key was never written. Gives the new revision. */
  write(key: string, value: unknown, revision: number): Promise<Result<number, 'conflict'>>
  /** Keys that match a pattern of NATS tokens. */
  keys(filter: string): Promise<readonly string[]>
}

export function openDocuments(link: NatsLink, bucket: string, clock: Clock = systemClock): DocumentStore {
  return {
    async read(key) {
      const entry = await readEntry(link, bucket, key)
      return entry?.value && { value: JSON.parse(new TextDecoder().decode(entry.value)), revision: entry.revision }
    },
    write: (key, value, revision) =>
      writeEntry(link, clock, bucket, key, new TextEncoder().encode(JSON.stringify(value)), revision),
    async keys(filter) {
      const prefix = `$KV.${bucket}.`
      const { state } = await link.jsm.streams.info(`KV_${bucket}`, { subjects_filter: prefix + filter })
      return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length))
    },
  }
}
