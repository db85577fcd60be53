import type { Random } from '@weft/platform'

/** Longest that an event is left in the store before it is looked at again, and shortest, ms. */
const parkedMs = { least: 250, most: 15_000 } as const
/** Events of a function that are left in the store at a time: they come back again and again, which costs something. */
const mostParked = 2_000
/** Runs that end more often than this work a backlog off so fast that nobody waits for long, and leaving it would slow them. */
const quickIntervalMs = 2
/** A rate is known after so many ends of runs, or after so long. */
const known = { ends: 16, ms: 1_000 } as const
/** What was seen longer ago than this counts half. */
const memoryMs = 10_000

/**
 * How fast a function's runs end while events wait for it, and so when an event of its backlog that is left in the store
 * should come again: spread over the time that the backlog takes, they come back about as fast as places become free.
 * Times are monotonic ms.
 */
export class Pace {
  /** Since when events wait without a break. */
  #sinceMs: number | undefined
  #ends = 0
  #nextAtMs = 0
  /** When those that were left come back. */
  #parkedUntil: number[] = []

  /** A run has ended; `waiting`: others of the function wait. */
  ended(waiting: boolean): void {
    if (waiting) this.#ends++
    else this.#sinceMs = undefined
  }

  /** The delay of an event that is left in the store; undefined: it stays, because the rate is not known or high, or too many are left. */
  park(now: number, random: Random): number | undefined {
    if (this.#sinceMs === undefined) {
      this.#sinceMs = now
      this.#ends = 0
    }
    const elapsedMs = now - this.#sinceMs
    if (elapsedMs < known.ms && this.#ends < known.ends) return undefined
    if (this.#parkedUntil.length >= mostParked) this.#parkedUntil = this.#parkedUntil.filter((until) => until > now)
    if (this.#parkedUntil.length >= mostParked) return undefined
    const intervalMs = elapsedMs / Math.max(1, this.#ends)
    if (elapsedMs > memoryMs) {
      this.#sinceMs += elapsedMs / 2
      this.#ends /= 2
    }
    if (intervalMs < quickIntervalMs) return undefined
    this.#nextAtMs = Math.max(this.#nextAtMs, now + parkedMs.least) + intervalMs
    let delayMs = this.#nextAtMs - now
    if (delayMs >= parkedMs.most) {
      // Beyond the horizon all would come back at once.
      this.#nextAtMs = now + parkedMs.most
      delayMs = parkedMs.most * (0.5 + random() / 2)
    }
    this.#parkedUntil.push(now + delayMs)
    return delayMs
  }
}
