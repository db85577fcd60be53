import type { MappingLease, MappingLeases } from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'

/**
 * A mapping's lease, renewed until it is given back or lost. `lost` aborts at the latest when the lease may have
 * expired, reckoned from the beginning of the last renewal that succeeded.
 */
export class HeldLease {
  readonly #leases: MappingLeases
  readonly #clock: Clock
  readonly #log: Logger
  readonly #lost = new AbortController()
  #lease: MappingLease
  #until: number
  #timer: { cancel(): void }
  #renewing: Promise<void> = Promise.resolve()

  /** `askedAtMs`: monotonic time before the lease was asked for. */
  constructor(leases: MappingLeases, clock: Clock, log: Logger, lease: MappingLease, askedAtMs: number) {
    this.#leases = leases
    this.#clock = clock
    this.#log = log
    this.#lease = lease
    this.#until = this.#safeUntil(askedAtMs)
    this.#timer = this.#schedule()
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  held(): boolean {
    return !this.#lost.signal.aborted && this.#clock.monotonic() < this.#until
  }

  async release(): Promise<void> {
    this.#timer.cancel()
    const wasHeld = this.held()
    this.#lost.abort()
    await this.#renewing
    if (wasHeld) await this.#leases.release(this.#lease)
  }

  #safeUntil(fromMs: number): number {
    return fromMs + this.#leases.ttlMs * 0.9
  }

  #schedule(): { cancel(): void } {
    return this.#clock.schedule(this.#leases.ttlMs / 4, () => {
      this.#renewing = this.#renew()
    })
  }

  async #renew(): Promise<void> {
    const startedAtMs = this.#clock.monotonic()
    // Looked at first: a process that slept finds its lease expired and must not think of it as its own.
    if (startedAtMs >= this.#until) return this.#lose()
    // An answer may stay away for longer than the lease lives.
    const expiry = this.#clock.schedule(this.#until - startedAtMs, () => this.#lose())
    try {
      const renewed = await this.#leases.renew(this.#lease)
      if (!renewed.ok) return this.#lose()
      this.#lease = renewed.value
      this.#until = this.#safeUntil(startedAtMs)
    } catch (error) {
      this.#log.warn({ err: error, lease: this.#lease.key }, 'a mapping lease was not renewed')
    } finally {
      expiry.cancel()
    }
    if (!this.#lost.signal.aborted) this.#timer = this.#schedule()
  }

  #lose(): void {
    if (!this.#lost.signal.aborted) this.#log.warn({ lease: this.#lease.key }, 'a mapping lease was lost')
    this.#lost.abort()
  }
}
