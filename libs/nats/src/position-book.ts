import { buckets, type EventSourceMapping } from '@weft/contracts'
import type { PositionBook } from '@weft/delivery'
import { type Clock, systemClock } from '@weft/platform'
import { neverWritten, readEntry, writeEntry } from './buckets/cas.ts'
import { openDocuments } from './document-store.ts'
import type { NatsLink } from './link.ts'

/** Positions of shards in a bucket. */
export function openPositionBook(link: NatsLink, clock: Clock = systemClock): PositionBook {
  const bucket = buckets.positions
  const prefix = ({ accountId, uuid }: EventSourceMapping): string => `${accountId}.${uuid}`
  // A shard's name may be anything.
  const keyOf = (mapping: EventSourceMapping, shard: string): string =>
    `${prefix(mapping)}.${Buffer.from(shard).toString('base64url')}`
  const write = async (key: string, position: string | undefined): Promise<void> => {
    const entry = await readEntry(link, bucket, key)
    const value = position === undefined ? undefined : new TextEncoder().encode(position)
    const written = await writeEntry(link, clock, bucket, key, value, entry?.revision ?? neverWritten)
    if (!written.ok) throw new Error(`another wrote the position ${key} at the same time`)
  }
  return {
    async read(mapping, shard) {
      const entry = await readEntry(link, bucket, keyOf(mapping, shard))
      return entry?.value && new TextDecoder().decode(entry.value)
    },
    write: (mapping, shard, position) => write(keyOf(mapping, shard), position),
    async remove(mapping) {
      for (const key of await openDocuments(link, bucket, clock).keys(`${prefix(mapping)}.*`))
        await write(key, undefined)
    },
  }
}
