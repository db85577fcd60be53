import { type Clock, type Logger, type Sealer, systemClock } from '@weft/platform'
import type { Collection } from '@weft/registry'
import type { NatsLink } from '../link.ts'
import { watchRecords } from './record-watch.ts'
import { openStore } from './store.ts'

/** A collection, kept up to date by a watch for as long as it is not disposed. */
export interface NatsCollection<T> extends Collection<T>, AsyncDisposable {
  /** Resolves when all of it has been read once. */
  readonly whenReady: Promise<void>
  problems(): readonly string[]
}

export interface CollectionOptions<T> {
  readonly log: Logger
  readonly clock?: Clock
  /** For buckets whose records have secrets. */
  readonly sealer?: Sealer
  /** Hears of each change, for an index of one's own; undefined: the record was removed. */
  readonly onRecord?: (key: string, record: T | undefined) => void
}

/** Opens a bucket of JSON records; it is empty until `whenReady` resolves. */
export function openCollection<T>(
  link: NatsLink,
  bucket: string,
  { log, clock = systemClock, sealer, onRecord }: CollectionOptions<T>,
): NatsCollection<T> {
  const records = new Map<string, T>()
  const watch = watchRecords({
    link,
    clock,
    log,
    bucket,
    sealer,
    onRecord(key, value) {
      const record = value as T | undefined
      if (record === undefined) records.delete(key)
      else records.set(key, record)
      onRecord?.(key, record)
    },
  })
  return {
    store: openStore<T>(link, clock, bucket, watch),
    get: (key) => records.get(key),
    list: (prefix) =>
      [...records]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, record]) => record),
    whenReady: watch.whenReady,
    problems: () => watch.problems(),
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  }
}
