import { err, ok, type Result } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { Store, Stored } from '@weft/registry'
import type { NatsLink } from '../link.ts'
import { neverWritten, readEntry, writeEntry } from './cas.ts'
import type { RecordWatch } from './record-watch.ts'

/** Records of a bucket as JSON, by compare-and-set. What is written shows at once to whoever the watch feeds. */
export function openStore<T>(link: NatsLink, clock: Clock, bucket: string, watch: RecordWatch): Store<T> {
  const { codec } = watch
  const write = async (key: string, value: T | undefined, expected: number): Promise<Result<number, 'conflict'>> => {
    const bytes = value === undefined ? undefined : codec.encode(key, value)
    const written = await writeEntry(link, clock, bucket, key, bytes, expected)
    if (written.ok) watch.apply(key, bytes, written.value)
    return written
  }
  const stored = (value: T, written: Result<number, 'conflict'>): Result<Stored<T>, 'conflict'> =>
    written.ok ? ok({ value, revision: written.value }) : written
  return {
    async read(key) {
      const entry = await readEntry(link, bucket, key)
      return entry?.value && { value: codec.decode(key, entry.value).record as T, revision: entry.revision }
    },
    async create(key, value) {
      const first = await write(key, value, neverWritten)
      if (first.ok) return ok({ value, revision: first.value })
      // A key that was removed keeps its last revision.
      const entry = await readEntry(link, bucket, key)
      if (!entry || entry.value !== undefined) return err('exists')
      const second = stored(value, await write(key, value, entry.revision))
      return second.ok ? second : err('exists')
    },
    async replace(key, value, revision) {
      return stored(value, await write(key, value, revision))
    },
    async remove(key, revision) {
      const removed = await write(key, undefined, revision)
      return removed.ok ? ok(undefined) : removed
    },
  }
}
