import { type EventSourceMapping, err, ok, type Result } from '@weft/contracts'
import {
  type MappingSource,
  type MappingSources,
  type PositionBook,
  SettledFloor,
  type SourceRecord,
} from '@weft/delivery'
import { type Clock, delay } from '@weft/platform'
import { brokerHoldMs, reasonOf } from './unsharded.ts'

/** Position of a shard that was read to its end. */
export const shardEnd = 'SHARD_END'

/** Waits after a look that brought nothing, ms: a shard allows five looks a second, for all its readers together. */
const pollMs = 1_000

export interface Shard {
  readonly id: string
  /** Shards that it continues: they are read to their ends before it, so that order is kept. */
  readonly parents: readonly string[]
}

/** Where a reader begins: behind a record, or at a place by time. */
export type ShardStart =
  | { readonly kind: 'after'; readonly sequence: string }
  | { readonly kind: 'oldest' }
  | { readonly kind: 'since'; readonly atMs: number }

/** A stream of shards as its service lets it be read. */
export interface ShardedStream {
  readonly batchInfo: string
  /** `{"Records":[…]}` when absent. */
  readonly frame?: MappingSource['frame']
  readonly describeBatch?: NonNullable<MappingSource['describeBatch']>
  /** `records` itself waits a while for some. */
  readonly waits?: boolean
  /** Tells the stream from a later one of the same name. */
  readonly incarnation: string
  shards(): Promise<readonly Shard[]>
  iterator(shard: string, start: ShardStart): Promise<string>
  /** Without `next` the shard has come to its end. */
  records(
    shard: string,
    iterator: string,
    most: number,
  ): Promise<{ readonly records: readonly SourceRecord[]; readonly next?: string }>
  close(): void
}

export interface ShardedOptions {
  readonly positions: PositionBook
  readonly clock: Clock
  /** The stream of a mapping; the error is a sentence for LastProcessingResult. */
  readonly connect: (mapping: EventSourceMapping) => Promise<Result<ShardedStream, string>>
}

/** Reads streams shard by shard; how far each was read is kept in the book of positions. */
export function shardedSources({ positions, clock, connect }: ShardedOptions): MappingSources {
  const using = async <T>(
    mapping: EventSourceMapping,
    act: (stream: ShardedStream) => Promise<Result<T, string>>,
  ): Promise<Result<T, string>> => {
    const stream = await connect(mapping)
    if (!stream.ok) return stream
    try {
      return await act(stream.value)
    } catch (error) {
      stream.value.close()
      return err(`PROBLEM: ${mapping.eventSourceArn} cannot be read: ${reasonOf(error)}`)
    }
  }
  return {
    holdMs: brokerHoldMs,
    isSharded: () => true,
    shards: (mapping) =>
      using(mapping, async (stream) => {
        const all = await stream.shards()
        const done = new Set<string>()
        for (const { id } of all) if ((await positions.read(mapping, id)) === shardEnd) done.add(id)
        stream.close()
        const there = new Set(all.map(({ id }) => id))
        const ready = all.filter(
          ({ id, parents }) => !done.has(id) && parents.every((parent) => done.has(parent) || !there.has(parent)),
        )
        return ok(ready.map(({ id }) => id))
      }),
    open: (mapping, shard) =>
      using(mapping, async (stream) => {
        const position = await positions.read(mapping, shard)
        const iterator = position === shardEnd ? undefined : await stream.iterator(shard, startOf(mapping, position))
        return ok(new ShardSource(stream, shard, iterator, clock, (at) => positions.write(mapping, shard, at)))
      }),
    remove: (mapping) => positions.remove(mapping),
  }
}

/**
 * LATEST is reckoned from when the mapping was made or changed: by the end of the shard, every reader that begins before
 * the first checkpoint would begin later than the one before it.
 */
function startOf(mapping: EventSourceMapping, position: string | undefined): ShardStart {
  if (position !== undefined) return { kind: 'after', sequence: position }
  switch (mapping.startingPosition) {
    case 'TRIM_HORIZON':
      return { kind: 'oldest' }
    case 'LATEST':
      return { kind: 'since', atMs: mapping.lastModifiedMs }
    case 'AT_TIMESTAMP':
      return { kind: 'since', atMs: mapping.startingPositionTimestampMs ?? 0 }
  }
}

export class ShardSource implements MappingSource {
  readonly order = 'ordered'
  readonly frame: MappingSource['frame']
  readonly visibilityMs = 0
  readonly incarnation: string
  readonly batchInfo: string
  readonly describeBatch?: NonNullable<MappingSource['describeBatch']>
  readonly #stream: ShardedStream
  readonly #shard: string
  readonly #clock: Clock
  readonly #keep: (position: string) => Promise<void>
  readonly #floor = new SettledFloor()
  /** Records handed out, by their count. */
  readonly #places = new WeakMap<SourceRecord, number>()
  readonly #ids = new Map<number, string>()
  #iterator: string | undefined
  #read = 0
  #settled = 0
  #closed = false

  constructor(
    stream: ShardedStream,
    shard: string,
    iterator: string | undefined,
    clock: Clock,
    keep: (position: string) => Promise<void>,
  ) {
    this.#stream = stream
    this.#shard = shard
    this.#iterator = iterator
    this.#clock = clock
    this.#keep = keep
    this.incarnation = stream.incarnation
    this.batchInfo = stream.batchInfo
    this.frame = stream.frame ?? { kind: 'records' }
    if (stream.describeBatch) this.describeBatch = stream.describeBatch
  }

  async read(most: number, waitMs: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    if (this.#iterator === undefined) {
      // All was read: when all is settled, too, the shards that continue this one may be read.
      if (this.#settled === this.#read) await this.#keep(shardEnd)
      await delay(this.#clock, Math.min(waitMs, pollMs), signal)
      return []
    }
    const { records, next } = await this.#stream.records(this.#shard, this.#iterator, most)
    this.#iterator = next
    for (const record of records) {
      const place = ++this.#read
      this.#places.set(record, place)
      this.#ids.set(place, record.id)
      this.#floor.add(place)
    }
    if (records.length === 0 && next !== undefined && !this.#stream.waits)
      await delay(this.#clock, Math.min(waitMs, pollMs), signal)
    return records
  }

  held(): boolean {
    return !this.#closed
  }

  async extend(): Promise<void> {}

  async settle(records: readonly SourceRecord[]): Promise<void> {
    const places = records.map((record) => this.#places.get(record)).filter((place) => place !== undefined)
    const reached = this.#floor.settle(places)
    if (reached === undefined) return
    const id = this.#ids.get(reached) as string
    try {
      await this.#keep(id)
    } catch (error) {
      // The floor in memory has passed it: read again from what is kept.
      this.#closed = true
      throw error
    }
    this.#settled = reached
    for (const place of [...this.#ids.keys()]) if (place <= reached) this.#ids.delete(place)
  }

  giveBack(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#stream.close()
  }
}
