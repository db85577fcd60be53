/** How long a peak is remembered, ms: this long at least, twice as long at most. */
const windowMs = 30 * 60_000

/** The most leases that a pool had at once of late. */
export class LeasePeak {
  #windowFrom = Number.NEGATIVE_INFINITY
  #current = 0
  #previous = 0

  note(leases: number, now: number): void {
    this.#turn(now)
    this.#current = Math.max(this.#current, leases)
  }

  /** `now` and what is in use at present. */
  value(leases: number, now: number): number {
    this.#turn(now)
    return Math.max(this.#previous, this.#current, leases)
  }

  #turn(now: number): void {
    const windows = Math.floor((now - this.#windowFrom) / windowMs)
    if (windows < 1) return
    this.#previous = windows === 1 ? this.#current : 0
    this.#current = 0
    this.#windowFrom = now
  }
}
