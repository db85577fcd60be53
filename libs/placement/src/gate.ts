import type { LeaseId } from '@weft/contracts/placement'
import { compareLeaseIds } from './lease-id.ts'
import type { LeaseTimings } from './timings.ts'

/** What a worker does when it sees neither a leader nor, perhaps, the board that names one. */
export type WhenBlind =
  /** Serve the leases it knows: static stability. A partition of the network can then exceed a limit for its duration. */
  | 'serve'
  /** Stop after the fencing time: limits hold in every partition, and an outage of placement stops warm calls too. */
  | 'fence'

/**
 * The worker's half of the lease protocol for one partition: which leases may run here, and when everything must stop.
 * docs/adr/0003-lease-protocol.md has the rules and why they suffice. `now` is monotonic, ms.
 */
export class LeaseGate {
  readonly #timings: Pick<LeaseTimings, 'workerFenceMs'>
  readonly #whenBlind: WhenBlind
  /** The newest leader this worker has reported to. */
  #epoch = 0n
  #lostAt: number | undefined
  /** This process was stopped for long and has not been welcomed since. */
  #stopped = false
  /** When this process was last seen to run. */
  #awakeAt: number
  #visibleEpoch: number | undefined
  #visibleSince = 0
  readonly #latest = new Map<string, LeaseId>()
  readonly #ended = new Map<string, LeaseId>()

  constructor(timings: Pick<LeaseTimings, 'workerFenceMs'>, whenBlind: WhenBlind, now: number) {
    this.#timings = timings
    this.#whenBlind = whenBlind
    this.#lostAt = now
    this.#awakeAt = now
  }

  /**
   * Call once a second or so, and before anything else is done with the gate after a wait. A process that was stopped
   * as a whole does not know what has become of its leases meanwhile, and what lies in its sockets is old: after a stop
   * of `workerFenceMs` it has lost contact since the beginning of that stop. True when that was found: the caller must
   * report to its leader anew.
   */
  awake(now: number): boolean {
    const stopped = now - this.#awakeAt >= this.#timings.workerFenceMs
    if (stopped) this.#lostAt = Math.min(this.#lostAt ?? this.#awakeAt, this.#awakeAt)
    this.#stopped ||= stopped
    this.#awakeAt = now
    return stopped
  }

  /**
   * Call just before the hello to the leader of `epoch` is made up. From here on a lease of an earlier epoch that has
   * not been used is refused, because the hello does not tell of it.
   */
  report(epoch: number): void {
    if (BigInt(epoch) > this.#epoch) this.#epoch = BigInt(epoch)
  }

  /** The leader has welcomed this worker. */
  contact(): void {
    this.#lostAt = undefined
    this.#stopped = false
  }

  contactLost(now: number): void {
    this.#lostAt ??= now
  }

  /** What the board shows; undefined: no leader. */
  leaderVisible(epoch: number | undefined, now: number): void {
    if (epoch === this.#visibleEpoch) return
    this.#visibleEpoch = epoch
    this.#visibleSince = now
  }

  /** When everything that runs under a lease must have stopped; undefined while there is no reason to. */
  fenceAt(): number | undefined {
    if (this.#lostAt === undefined) return undefined
    if (this.#stopped || this.#whenBlind === 'fence') return this.#lostAt + this.#timings.workerFenceMs
    if (this.#visibleEpoch === undefined) return undefined
    return Math.max(this.#lostAt, this.#visibleSince) + this.#timings.workerFenceMs
  }

  fenced(now: number): boolean {
    const at = this.fenceAt()
    return at !== undefined && now >= at
  }

  /** Whether an invocation under this lease may start now. False is NOT_STARTED. */
  admit(sandboxId: string, lease: LeaseId, now: number): boolean {
    this.awake(now)
    if (this.fenced(now)) return false
    const ended = this.#ended.get(sandboxId)
    if (ended && compareLeaseIds(lease, ended) <= 0) return false
    const latest = this.#latest.get(sandboxId)
    const order = latest ? compareLeaseIds(lease, latest) : 1
    if (order < 0) return false
    if (order > 0) {
      if (lease.epoch < this.#epoch) return false
      this.#latest.set(sandboxId, lease)
    }
    return true
  }

  /** Refuses the lease, and all before it, from now on. */
  end(sandboxId: string, lease: LeaseId): void {
    const ended = this.#ended.get(sandboxId)
    if (!ended || compareLeaseIds(lease, ended) > 0) this.#ended.set(sandboxId, lease)
  }

  /** The latest lease that was used, for SandboxReport. */
  latest(sandboxId: string): LeaseId | undefined {
    return this.#latest.get(sandboxId)
  }

  /** The sandbox is gone. */
  forget(sandboxId: string): void {
    this.#latest.delete(sandboxId)
    this.#ended.delete(sandboxId)
  }
}
