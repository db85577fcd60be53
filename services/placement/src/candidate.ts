import type { Random, Timer } from '@weft/platform'
import type { CatalogueChange } from '@weft/registry'
import { Lead, type LeadDeps } from './lead.ts'

export interface CandidateDeps extends Omit<LeadDeps, 'onEnd'> {
  readonly self: { readonly instanceId: string; readonly address: string }
  readonly random: Random
  /** Leads this instance has: the more, the later it stands for another, so that they spread. */
  readonly leadCount: () => number
}

/** Claims are spread over this time, ms, so that instances do not all write at once. */
const jitterMs = 30
const perLeadMs = 20

/** Stands for the lead of one partition whenever it is free. */
export class Candidate {
  readonly partition: number
  readonly #deps: CandidateDeps
  readonly #unsubscribe: () => void
  #lead: Lead | undefined
  #claiming: Promise<void> | undefined
  #timer: Timer | undefined
  #stopped = false

  constructor(partition: number, deps: CandidateDeps) {
    this.partition = partition
    this.#deps = deps
    this.#unsubscribe = deps.leaders.onLeader((changed) => {
      if (changed === partition) this.#consider()
    })
    this.#consider()
  }

  get lead(): Lead | undefined {
    return this.#lead
  }

  /** The lead, once a claim that is under way has been decided. */
  async decided(): Promise<Lead | undefined> {
    await this.#claiming
    return this.#lead
  }

  catalogueChanged(change: CatalogueChange): void {
    this.#lead?.catalogueChanged(change)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#unsubscribe()
    await this.#claiming
    await this.#lead?.resign()
  }

  #consider(): void {
    const { leaders, random, leadCount } = this.#deps
    if (this.#stopped || this.#lead || this.#claiming || leaders.leader(this.partition)) return
    this.#standIn(random() * jitterMs + leadCount() * perLeadMs)
  }

  #standIn(waitMs: number): void {
    if (this.#timer) return
    this.#timer = this.#deps.clock.schedule(waitMs, () => {
      this.#timer = undefined
      if (this.#stopped || this.#lead || this.#claiming || this.#deps.leaders.leader(this.partition)) return
      this.#claiming = this.#claim().finally(() => {
        this.#claiming = undefined
        // Whatever was missed meanwhile shows in the board.
        this.#consider()
      })
    })
  }

  async #claim(): Promise<void> {
    const { leaders, clock, self, log } = this.#deps
    const claimedAt = clock.monotonic()
    try {
      const claimed = await leaders.claim(this.partition, self)
      if (!claimed.ok || this.#stopped) {
        if (claimed.ok) await leaders.resign(this.partition, claimed.value)
        return
      }
      log.info({ partition: this.partition, epoch: claimed.value.epoch }, 'lead claimed')
      const lead = new Lead(this.partition, claimed.value, claimedAt, {
        ...this.#deps,
        onEnd: () => {
          this.#lead = undefined
          this.#consider()
        },
      })
      // Of a claim that was answered late the lead is over before it is here: kept, it would be stood by for ever.
      if (!lead.ended) this.#lead = lead
    } catch (error) {
      log.warn({ err: error, partition: this.partition }, 'the lead could not be claimed')
      await new Promise<void>((resolve) => clock.schedule(leaders.ttlMs / 3, resolve))
    }
  }
}
