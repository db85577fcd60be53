import { err, type Leader, ok } from '@weft/contracts'
import type { Clock, Timer } from '@weft/platform'
import type { LeaderBoard } from '../ports.ts'

interface Entry {
  leader: Leader
  resigned: boolean
  expiry: Timer | undefined
}

/** A leader board in memory that keeps the promises of the port. */
export class MemoryLeaderBoard implements LeaderBoard {
  readonly ttlMs: number
  /** While set, every call fails as if the bus were away, and nothing is written. */
  unreachable = false
  readonly #clock: Clock
  readonly #entries = new Map<number, Entry>()
  readonly #listeners = new Set<(partition: number, leader: Leader | undefined) => void>()

  constructor(clock: Clock, ttlMs = 3_000) {
    this.#clock = clock
    this.ttlMs = ttlMs
  }

  leader(partition: number): Leader | undefined {
    const entry = this.#entries.get(partition)
    return entry && !entry.resigned ? entry.leader : undefined
  }

  onLeader(listener: (partition: number, leader: Leader | undefined) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async claim(partition: number, self: { readonly instanceId: string; readonly address: string }) {
    this.#reach()
    const before = this.#entries.get(partition)
    if (before && !before.resigned) return err('held' as const)
    const leader: Leader = {
      ...self,
      epoch: (before?.leader.epoch ?? 0) + 1,
      renewedAtMs: this.#clock.now(),
      workers: before?.leader.workers ?? [],
    }
    this.#write(partition, leader)
    return ok(leader)
  }

  async renew(partition: number, leader: Leader) {
    this.#reach()
    const entry = this.#entries.get(partition)
    if (!entry || entry.resigned || entry.leader.epoch !== leader.epoch) return err('lost' as const)
    const renewed = { ...leader, renewedAtMs: this.#clock.now() }
    this.#write(partition, renewed)
    return ok(renewed)
  }

  async resign(partition: number, leader: Leader): Promise<void> {
    this.#reach()
    const entry = this.#entries.get(partition)
    if (!entry || entry.leader.epoch !== leader.epoch) return
    entry.leader = leader
    this.#free(partition, entry)
  }

  #reach(): void {
    if (this.unreachable) throw new Error('the bus is away')
  }

  #write(partition: number, leader: Leader): void {
    const before = this.#entries.get(partition)
    before?.expiry?.cancel()
    const entry: Entry = { leader, resigned: false, expiry: undefined }
    entry.expiry = this.#clock.schedule(this.ttlMs, () => this.#free(partition, entry))
    this.#entries.set(partition, entry)
    if (!before || before.resigned || before.leader.epoch !== leader.epoch) this.#tell(partition, leader)
  }

  #free(partition: number, entry: Entry): void {
    entry.expiry?.cancel()
    entry.resigned = true
    this.#tell(partition, undefined)
  }

  #tell(partition: number, leader: Leader | undefined): void {
    for (const listener of [...this.#listeners]) listener(partition, leader)
  }
}
