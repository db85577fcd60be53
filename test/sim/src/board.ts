import type { Leader, LeaderWorker } from '@weft/contracts'
import type { Process } from './process.ts'
import type { Dice } from './random.ts'
import type { Scheduler } from './scheduler.ts'

interface Entry {
  readonly leader: Leader
  readonly resigned: boolean
  readonly revision: number
}

/** What one process has seen of the board. */
export interface BoardView {
  /** As it judges by its own clock. */
  leader(partition: number): Leader | undefined
}

/** The shared key of every partition's lead: compare-and-set, watched with delay, cut off from whom the test likes. */
export class Board {
  readonly ttlMs: number
  readonly #scheduler: Scheduler
  readonly #dice: Dice
  readonly #entries = new Map<number, Entry>()
  readonly #views = new Map<Process, View>()
  readonly #isolated = new Set<Process>()

  constructor(scheduler: Scheduler, dice: Dice, ttlMs: number) {
    this.#scheduler = scheduler
    this.#dice = dice
    this.ttlMs = ttlMs
  }

  watch(process: Process, onChange: (partition: number, leader: Leader | undefined) => void): BoardView {
    const view = new View(process, this.ttlMs, onChange)
    this.#views.set(process, view)
    for (const [partition, entry] of this.#entries) this.#show(view, partition, entry)
    return view
  }

  isolate(process: Process): void {
    this.#isolated.add(process)
  }

  heal(): void {
    const back = [...this.#isolated]
    this.#isolated.clear()
    for (const process of back) {
      const view = this.#views.get(process)
      if (view) for (const [partition, entry] of this.#entries) this.#show(view, partition, entry)
    }
  }

  /** Calls back with the new leader, or undefined when it was refused or the outcome is unknown. */
  claim(process: Process, partition: number, done: (leader: Leader | undefined) => void): void {
    const seen = this.#views.get(process)?.revision(partition) ?? 0
    this.#call(process, done, () => {
      const entry = this.#entries.get(partition)
      if ((entry?.revision ?? 0) !== seen) return undefined
      const leader: Leader = {
        instanceId: process.id,
        address: process.id,
        epoch: (entry?.leader.epoch ?? 0) + 1,
        renewedAtMs: 0,
        workers: entry?.leader.workers ?? [],
      }
      this.#write(partition, leader, false)
      return leader
    })
  }

  renew(
    process: Process,
    partition: number,
    leader: Leader,
    workers: readonly LeaderWorker[],
    done: (answer: Leader | 'lost' | undefined) => void,
  ): void {
    this.#call<Leader | 'lost'>(process, done, () => {
      const entry = this.#entries.get(partition)
      if (!entry || entry.resigned || entry.leader.epoch !== leader.epoch) return 'lost'
      const renewed = { ...leader, workers }
      this.#write(partition, renewed, false)
      return renewed
    })
  }

  resign(process: Process, partition: number, leader: Leader, workers: readonly LeaderWorker[]): void {
    this.#call<true>(
      process,
      () => undefined,
      () => {
        const entry = this.#entries.get(partition)
        if (entry && entry.leader.epoch === leader.epoch) this.#write(partition, { ...leader, workers }, true)
        return true
      },
    )
  }

  #call<T>(process: Process, done: (answer: T | undefined) => void, act: () => T | undefined): void {
    const lost = (): boolean => this.#isolated.has(process) || this.#dice.chance(0.01)
    this.#scheduler.after(this.#dice.between(0.5, 8), () => {
      if (lost()) {
        process.after(400, () => done(undefined))
        return
      }
      const answer = act()
      // Done, but the caller may see a timeout.
      if (lost()) process.after(400, () => done(undefined))
      else this.#scheduler.after(this.#dice.between(0.5, 8), () => process.run(() => done(answer)))
    })
  }

  #write(partition: number, leader: Leader, resigned: boolean): void {
    const entry: Entry = { leader, resigned, revision: (this.#entries.get(partition)?.revision ?? 0) + 1 }
    this.#entries.set(partition, entry)
    for (const view of this.#views.values()) this.#show(view, partition, entry)
  }

  #show(view: View, partition: number, entry: Entry): void {
    this.#scheduler.after(this.#dice.between(0.5, 30), () => {
      if (!this.#isolated.has(view.process)) view.process.run(() => view.see(partition, entry))
    })
  }
}

class View implements BoardView {
  readonly process: Process
  readonly #ttlMs: number
  readonly #onChange: (partition: number, leader: Leader | undefined) => void
  readonly #seen = new Map<number, Entry & { readonly at: number }>()
  readonly #told = new Map<number, number | undefined>()

  constructor(process: Process, ttlMs: number, onChange: (partition: number, leader: Leader | undefined) => void) {
    this.process = process
    this.#ttlMs = ttlMs
    this.#onChange = onChange
  }

  leader(partition: number): Leader | undefined {
    const seen = this.#seen.get(partition)
    return seen && !seen.resigned && this.process.local() < seen.at + this.#ttlMs ? seen.leader : undefined
  }

  revision(partition: number): number {
    return this.#seen.get(partition)?.revision ?? 0
  }

  see(partition: number, entry: Entry): void {
    if (entry.revision <= this.revision(partition)) return
    this.#seen.set(partition, { ...entry, at: this.process.local() })
    this.#tell(partition)
    this.process.after(this.#ttlMs + 1, () => this.#tell(partition))
  }

  #tell(partition: number): void {
    const leader = this.leader(partition)
    if (this.#told.has(partition) && this.#told.get(partition) === leader?.epoch) return
    this.#told.set(partition, leader?.epoch)
    this.#onChange(partition, leader)
  }
}
