/** Tokens that refill evenly over time. Times in ms on any one monotonic clock. */
export class TokenBucket {
  readonly #capacity: number
  readonly #perMs: number
  #tokens: number
  #at: number

  constructor(options: { readonly capacity: number; readonly refillMs: number; readonly now: number }) {
    this.#capacity = options.capacity
    this.#perMs = options.capacity / options.refillMs
    this.#tokens = options.capacity
    this.#at = options.now
  }

  take(now: number): boolean {
    this.#refill(now)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Takes tokens for what has happened, whether they are there or not: what is missing is owed. */
  spend(tokens: number, now: number): void {
    this.#refill(now)
    this.#tokens -= tokens
  }

  /** Puts one token back: what it was taken for did not happen. */
  giveBack(): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + 1)
  }

  /** Until the next token, ms; 0 when one is there. */
  waitMs(now: number): number {
    this.#refill(now)
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs)
  }

  /** Nothing to remember: equal to a new bucket. */
  full(now: number): boolean {
    this.#refill(now)
    return this.#tokens >= this.#capacity
  }

  #refill(now: number): void {
    // A clock that steps back refills nothing.
    if (now <= this.#at) return
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
  }
}
