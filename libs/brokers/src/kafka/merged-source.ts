import type { MappingSource, SourceRecord } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import { Arrival } from '../arrival.ts'

/** Several ordered sources read as one: the order of each is kept, and a batch may hold records of several. */
export class MergedSource implements MappingSource {
  readonly order = 'ordered'
  readonly visibilityMs = 0
  readonly incarnation: string
  readonly frame: MappingSource['frame']
  readonly batchInfo: string
  readonly describeBatch?: NonNullable<MappingSource['describeBatch']>
  readonly #parts: readonly MappingSource[]
  readonly #arrival: Arrival
  readonly #reading = new Set<MappingSource>()
  readonly #from = new WeakMap<SourceRecord, MappingSource>()
  readonly #left = new AbortController()
  #ready: SourceRecord[] = []
  #lost: { readonly error: unknown } | undefined

  /** `parts`: alike, and at least one. */
  constructor(parts: readonly MappingSource[], clock: Clock) {
    const [first] = parts
    if (!first) throw new Error('a merged source has parts')
    this.incarnation = first.incarnation
    this.frame = first.frame
    this.batchInfo = first.batchInfo
    if (first.describeBatch) this.describeBatch = first.describeBatch
    this.#parts = parts
    this.#arrival = new Arrival(clock)
  }

  async read(most: number, waitMs: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    // What is at hand comes first, so that at most one answer of each part lies here.
    if (this.#ready.length === 0) {
      const share = Math.max(1, Math.floor(most / this.#parts.length))
      for (const part of this.#parts) if (!this.#reading.has(part)) void this.#readPart(part, share, waitMs)
      if (this.#ready.length === 0 && !signal.aborted) await this.#arrival.wait(waitMs, signal)
    }
    if (this.#lost) throw this.#lost.error
    return this.#ready.splice(0, most)
  }

  held(): boolean {
    return this.#lost === undefined && this.#parts.every((part) => part.held())
  }

  async extend(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.extend()))
  }

  async settle(records: readonly SourceRecord[]): Promise<void> {
    const shares = Map.groupBy(records, (record) => this.#from.get(record))
    await Promise.all([...shares].map(([part, some]) => part?.settle(some)))
  }

  giveBack(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left.abort()
    await Promise.all(this.#parts.map((part) => part[Symbol.asyncDispose]()))
  }

  async #readPart(part: MappingSource, most: number, waitMs: number): Promise<void> {
    this.#reading.add(part)
    try {
      const records = await part.read(most, waitMs, this.#left.signal)
      for (const record of records) this.#from.set(record, part)
      this.#ready.push(...records)
    } catch (error) {
      this.#lost ??= { error }
    } finally {
      this.#reading.delete(part)
      this.#arrival.tell()
    }
  }
}
