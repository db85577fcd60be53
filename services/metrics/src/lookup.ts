import type { FabricRecord } from '@weft/contracts'

/** What is known of one request: its attempts, refusals and end, in the order they were recorded. Bounded. */
export class RecentRequests {
  readonly #max: number
  readonly #byId = new Map<string, FabricRecord[]>()

  constructor(maxRequests: number) {
    this.#max = maxRequests
  }

  add(record: FabricRecord): void {
    const known = this.#byId.get(record.requestId)
    if (known) {
      if (!known.some((one) => sameFact(one, record))) known.push(record)
      return
    }
    this.#byId.set(record.requestId, [record])
    if (this.#byId.size > this.#max) {
      const [oldest] = this.#byId.keys()
      if (oldest !== undefined) this.#byId.delete(oldest)
    }
  }

  find(requestId: string): readonly FabricRecord[] | undefined {
    return this.#byId.get(requestId)
  }
}

/** A message read again after a restart tells the same fact. */
const sameFact = (a: FabricRecord, b: FabricRecord): boolean => JSON.stringify(a) === JSON.stringify(b)
