import type { EventSourceMapping } from '@weft/contracts'
import { delay } from '@weft/platform'
import { keyOf, readShard, type TendContext, underLease, untilChanged } from './tend-mapping.ts'

/** Takes part in reading the shards of a mapping's source, each under a lease of its own. */
export class ShardReaders implements AsyncDisposable {
  readonly #context: TendContext
  readonly #mapping: EventSourceMapping
  readonly #current: () => EventSourceMapping | undefined
  readonly #readers = new Map<string, { readonly done: Promise<void>; readonly leave: AbortController }>()
  #lister: Promise<void> | undefined
  readonly #closed = new AbortController()

  constructor(context: TendContext, mapping: EventSourceMapping, current: () => EventSourceMapping | undefined) {
    this.#context = context
    this.#mapping = mapping
    this.#current = current
  }

  /** Begins to read when the mapping is (or has become) enabled. */
  look(): void {
    if (this.#context.sources.isSharded(this.#mapping) && this.#wanted()) this.#lister ??= this.#list()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await this.#lister
    await Promise.all([...this.#readers.values()].map(({ done }) => done))
  }

  #wanted(): EventSourceMapping | undefined {
    const mapping = this.#current()
    return !this.#closed.signal.aborted && !this.#context.stopping.aborted && mapping?.enabled ? mapping : undefined
  }

  async #list(): Promise<void> {
    const { sources, states, clock, config, log, stopping, trouble } = this.#context
    const ended = AbortSignal.any([stopping, this.#closed.signal])
    for (let mapping = this.#wanted(); mapping; mapping = this.#wanted()) {
      const key = keyOf(mapping)
      let waitMs = config.listShardsMs
      try {
        const shards = await sources.shards(mapping)
        if (shards.ok) this.#follow(shards.value)
        else {
          states.report(key, shards.error)
          trouble(key, { whose: 'owner', text: `mapping ${mapping.uuid}: ${shards.error}` })
          waitMs = config.retryMs
        }
      } catch (error) {
        log.warn({ err: error, mapping: mapping.uuid }, 'the shards of a source cannot be listed')
        trouble(key, { whose: 'owner', text: `mapping ${mapping.uuid}: the shards of its source cannot be listed` })
        waitMs = config.retryMs
      }
      await delay(clock, waitMs, ended)
    }
    this.#lister = undefined
  }

  /** Reads what is listed and leaves what is not any more: a shard that was read to its end. */
  #follow(shards: readonly string[]): void {
    for (const [shard, { leave }] of this.#readers) if (!shards.includes(shard)) leave.abort()
    for (const shard of shards) {
      if (this.#readers.has(shard)) continue
      const leave = new AbortController()
      const done = this.#read(shard, leave.signal).finally(() => this.#readers.delete(shard))
      this.#readers.set(shard, { done, leave })
    }
  }

  async #read(shard: string, left: AbortSignal): Promise<void> {
    const context = this.#context
    // A lease's key is made of tokens; a shard's name may be anything.
    const lease = `${keyOf(this.#mapping)}.${Buffer.from(shard).toString('base64url')}`
    while (this.#wanted() && !left.aborted)
      await underLease(context, lease, async (held) => {
        const mapping = this.#wanted()
        if (!mapping || left.aborted) return
        await untilChanged(context, mapping, this.#current, held, (ended) =>
          readShard(context, held, mapping, shard, AbortSignal.any([ended, left, this.#closed.signal])),
        )
      })
  }
}
