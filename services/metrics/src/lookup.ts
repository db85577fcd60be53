import type { FabricRecord } from '@weft/contracts'

/**
 * What is known of one request: its attempts, refusals and end, in the order they were recorded. Bounded, and kept as text,
 * which takes a fraction of the memory: most are never looked up.
 */
export class RecentRequests {
  readonly #max: number
  readonly #byId = new Map<string, string[]>()

  constructor(maxRequests: number) {
    this.#max = maxRequests
  }

  add(record: FabricRecord): void {
    const text = JSON.stringify(record)
    const known = this.#byId.get(record.requestId)
    if (known) {
      // A message read again after a restart tells the same fact.
      if (!known.includes(text)) known.push(text)
      return
    }
    this.#byId.set(record.requestId, [text])
    if (this.#byId.size > this.#max) {
      const [oldest] = this.#byId.keys()
      if (oldest !== undefined) this.#byId.delete(oldest)
    }
  }

  find(requestId: string): readonly FabricRecord[] | undefined {
    return this.#byId.get(requestId)?.map((text) => JSON.parse(text) as FabricRecord)
  }
}
