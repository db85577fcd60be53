import type { EventSourceMapping } from '@weft/contracts'
import type { MappingSources } from '@weft/delivery'

/** A kind of source with its broker: filled, then read by a mapping or by a bare consumer. */
export interface Subject extends AsyncDisposable {
  readonly name: string
  /** Of a run: its stream, queue or topic is made of the run's name. */
  readonly mapping: (run: string) => Partial<EventSourceMapping>
  /** By the service in the mapping's ARN; JetStream's are there without. */
  readonly sources: Readonly<Record<string, MappingSources>>
  /** Puts so many records in; `when` is awaited before where a source keeps nothing for readers that are not there yet. */
  fill(run: string, count: number): Promise<void>
  /** Whether a reader must be there before the source is filled. */
  readonly live?: boolean
  /** Reads and acknowledges with the broker's own client; tells of every chunk when it is acknowledged. */
  bare(run: string, count: number, took: (records: number) => void): Promise<void>
}

/** Records of a batch; what a bare consumer acknowledges at a time, where its broker does not want it one by one. */
export const batchSize = 100

export const payload = JSON.stringify({ id: 1, text: 'x'.repeat(80) })

/** Runs `act` so many times, a number of them at a time. */
export async function many(count: number, atATime: number, act: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: atATime }, worker))
}

/** Counts records as they are done; the rate is that between the first chunk and the last. */
export class Meter {
  #count = 0
  #firstCount = 0
  #firstMs = 0
  #lastMs = 0
  readonly #wanted: number
  readonly #done = Promise.withResolvers<void>()

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  readonly took = (records: number): void => {
    this.#lastMs = performance.now()
    if (this.#count === 0) {
      this.#firstMs = this.#lastMs
      this.#firstCount = records
    }
    this.#count += records
    if (this.#count >= this.#wanted) this.#done.resolve()
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  get perSecond(): number {
    return ((this.#count - this.#firstCount) / (this.#lastMs - this.#firstMs)) * 1_000
  }
}
