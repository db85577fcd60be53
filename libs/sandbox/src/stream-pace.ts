/** How fast a function may stream, as AWS has it: a burst as fast as it can, then a steady rate. */
export interface PaceLimits {
  readonly burstBytes: number
  readonly bytesPerSecond: number
}

/** A bucket of bytes that starts full. What it lacks after a part was sent is waited for before the next is read. */
export class StreamPace {
  readonly #limits: PaceLimits
  #bytes: number
  #atMs: number

  /** Times are monotonic ms. */
  constructor(limits: PaceLimits, nowMs: number) {
    this.#limits = limits
    this.#bytes = limits.burstBytes
    this.#atMs = nowMs
  }

  /** Accounts for bytes that were sent; for how long nothing more is to be, ms. */
  take(bytes: number, nowMs: number): number {
    const { burstBytes, bytesPerSecond } = this.#limits
    const refilled = this.#bytes + ((nowMs - this.#atMs) * bytesPerSecond) / 1_000
    this.#bytes = Math.min(burstBytes, refilled) - bytes
    this.#atMs = nowMs
    return this.#bytes >= 0 ? 0 : (-this.#bytes * 1_000) / bytesPerSecond
  }
}
