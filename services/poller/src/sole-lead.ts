import type { MappingLeases } from '@weft/delivery'
import { type Clock, delay, type Logger } from '@weft/platform'
import { HeldLease } from './held-lease.ts'

export interface SoleLeadDeps {
  readonly leases: MappingLeases
  readonly clock: Clock
  readonly log: Logger
}

const retryMs = 1_000

/** What one poller at a time does, under a lease: until the lease is lost, when another takes it up. */
export class SoleLead {
  readonly #deps: SoleLeadDeps
  readonly #lease: string
  readonly #what: string
  #problem: string | undefined

  /** `lease` names it, `what` says it to people: "schedules". */
  constructor(deps: SoleLeadDeps, lease: string, what: string) {
    this.#deps = deps
    this.#lease = lease
    this.#what = what
  }

  get problem(): string | undefined {
    return this.#problem
  }

  /** Until the signal aborts; whenever the lease is here, `lead` runs, and ends when its own signal aborts. */
  async run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, leases, log } = this.#deps
    while (!signal.aborted) {
      try {
        const askedAtMs = clock.monotonic()
        const lease = await leases.acquire(this.#lease)
        this.#problem = undefined
        if (lease.ok) {
          const held = new HeldLease(leases, clock, log, lease.value, askedAtMs)
          try {
            await lead(AbortSignal.any([signal, held.lost]))
          } finally {
            await held.release()
          }
        } else await delay(clock, leases.ttlMs / 3, signal)
      } catch (error) {
        this.#problem = `${this.#what} stand still: ${error instanceof Error ? error.message : error}`
        log.warn({ err: error }, this.#problem)
        await delay(clock, retryMs, signal)
      }
    }
  }
}
