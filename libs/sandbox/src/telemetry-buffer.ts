/** What one subscriber is still to be sent, cut into batches by its own limits. Times are monotonic ms. */
import type { Buffering } from './telemetry-subscription.ts'

/** Bytes kept for a subscriber that does not keep up, in batches; what comes then is dropped and counted. */
const heldBatches = 2

export interface TelemetryBatch {
  /** JSON texts of events. */
  readonly events: readonly string[]
  /** What was dropped before them. */
  readonly droppedRecords: number
  readonly droppedBytes: number
}

export class TelemetryBuffer {
  readonly #limits: Buffering
  #events: string[] = []
  #bytes = 0
  #oldestAtMs = 0
  #droppedRecords = 0
  #droppedBytes = 0

  constructor(limits: Buffering) {
    this.#limits = limits
  }

  get empty(): boolean {
    return this.#events.length === 0 && this.#droppedRecords === 0
  }

  add(event: string, nowMs: number): void {
    const bytes = Buffer.byteLength(event)
    if (this.#bytes + bytes > this.#limits.maxBytes * heldBatches) {
      this.#droppedRecords += 1
      this.#droppedBytes += bytes
      return
    }
    if (this.#events.length === 0) this.#oldestAtMs = nowMs
    this.#events.push(event)
    this.#bytes += bytes
  }

  /** When the next batch is to go out; undefined: nothing waits. */
  get dueMs(): number | undefined {
    if (this.empty) return undefined
    const { maxItems, maxBytes, timeoutMs } = this.#limits
    const full = this.#events.length >= maxItems || this.#bytes >= maxBytes
    return full ? this.#oldestAtMs : this.#oldestAtMs + timeoutMs
  }

  /** The next batch, whether it is due or not. */
  take(nowMs: number): TelemetryBatch {
    const { maxItems, maxBytes } = this.#limits
    let bytes = 0
    let count = 0
    for (const event of this.#events) {
      const size = Buffer.byteLength(event)
      // One that is larger than a batch goes alone.
      if (count >= maxItems || (count > 0 && bytes + size > maxBytes)) break
      bytes += size
      count += 1
    }
    const batch = {
      events: this.#events.slice(0, count),
      droppedRecords: this.#droppedRecords,
      droppedBytes: this.#droppedBytes,
    }
    this.#events = this.#events.slice(count)
    this.#bytes -= bytes
    this.#oldestAtMs = nowMs
    this.#droppedRecords = 0
    this.#droppedBytes = 0
    return batch
  }
}
