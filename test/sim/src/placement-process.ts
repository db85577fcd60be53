import { ConcurrencyLedger, type ConcurrencySettings } from '@weft/admission'
import type { Leader, LeaderWorker } from '@weft/contracts'
import type {
  DispatcherFrame,
  PlacementToDispatcherFrame,
  PlacementToWorkerFrame,
  WorkerFrame,
} from '@weft/contracts/placement'
import { LeasePartition, type LeaseTimings, type PartitionEvent, type ProvisionedTarget } from '@weft/placement'
import type { Board, BoardView } from './board.ts'
import type { End } from './network.ts'
import type { Process } from './process.ts'
import type { Dice } from './random.ts'

export interface PlacementWorld {
  readonly board: Board
  readonly dice: Dice
  readonly partitions: number
  readonly timings: LeaseTimings
  readonly settingsOf: (accountId: string) => ConcurrencySettings
  /** What accounts of a partition want initialised ahead of calls. */
  readonly provisionedOf: (partition: number) => readonly ProvisionedWish[]
}

export interface ProvisionedWish {
  readonly accountId: string
  readonly functionName: string
  readonly targets: readonly ProvisionedTarget[]
}

interface Lead {
  leader: Leader
  readonly core: LeasePartition
  renewedAt: number
  readonly dispatchers: Map<number, End<DispatcherFrame, PlacementToDispatcherFrame>>
  readonly workers: Map<number, End<WorkerFrame, PlacementToWorkerFrame>>
  remembered: ReadonlySet<string>
  readonly joining: Map<string, { readonly worker: LeaderWorker; readonly join: () => void }>
  renewing: boolean
  ticking: boolean
}

/** A placement instance: the lease core of every partition it leads, under the rules that make it sure of its lead. */
export class PlacementProcess {
  readonly process: Process
  readonly #world: PlacementWorld
  readonly #view: BoardView
  readonly #leads = new Map<number, Lead>()
  readonly #claiming = new Set<number>()
  #sandboxes = 0
  #connections = 0

  constructor(process: Process, world: PlacementWorld) {
    this.process = process
    this.#world = world
    this.#view = world.board.watch(process, (partition) => this.#consider(partition))
    for (let p = 0; p < world.partitions; p++) {
      this.#consider(p)
      this.#poll(p)
    }
  }

  /** Cores that would grant if asked now. */
  acting(): readonly { readonly partition: number; readonly core: LeasePartition; readonly epoch: number }[] {
    if (!this.process.alive) return []
    return [...this.#leads]
      .filter(([, lead]) => this.#sure(lead))
      .map(([partition, lead]) => ({ partition, core: lead.core, epoch: lead.leader.epoch }))
  }

  acceptDispatcher(end: End<DispatcherFrame, PlacementToDispatcherFrame>): void {
    const connection = ++this.#connections
    let lead: Lead | undefined
    end.receive({
      onFrame: (frame) => {
        if (lead) this.#handle(lead, { kind: 'dispatcher-frame', connection, frame })
        else if (frame.frame?.$case === 'hello') {
          const hello = frame.frame.value
          lead = this.#leads.get(hello.partition)
          if (!lead) {
            end.close()
            return
          }
          lead.dispatchers.set(connection, end)
          this.#handle(lead, { kind: 'dispatcher-hello', connection, hello })
        }
      },
      onClosed: () => {
        if (lead?.dispatchers.delete(connection)) this.#handle(lead, { kind: 'dispatcher-lost', connection })
      },
    })
  }

  acceptWorker(end: End<WorkerFrame, PlacementToWorkerFrame>): void {
    const connection = ++this.#connections
    let lead: Lead | undefined
    let joined = false
    const early: WorkerFrame[] = []
    end.receive({
      onFrame: (frame) => {
        if (joined && lead) this.#handle(lead, { kind: 'worker-frame', connection, frame })
        else if (lead) early.push(frame)
        else if (frame.frame?.$case === 'hello') {
          const hello = frame.frame.value
          lead = this.#leads.get(hello.partition)
          if (!lead) {
            end.close()
            return
          }
          const its = lead
          const worker = { workerId: hello.workerId, slots: Math.floor(Number(hello.memoryMb) / 128) }
          const join = (): void => {
            joined = true
            if (end.closed) return
            its.workers.set(connection, end)
            this.#handle(its, { kind: 'worker-hello', connection, hello })
            for (const f of early) this.#handle(its, { kind: 'worker-frame', connection, frame: f })
          }
          if (its.remembered.has(hello.workerId)) join()
          else {
            its.joining.set(`${connection}`, { worker, join })
            this.#renew(hello.partition, its)
          }
        }
      },
      onClosed: () => {
        if (lead?.workers.delete(connection)) this.#handle(lead, { kind: 'worker-lost', connection })
      },
    })
  }

  /** The wishes have changed. */
  provisionedChanged(): void {
    for (const [partition, lead] of this.#leads) this.#provision(partition, lead)
  }

  #provision(partition: number, lead: Lead): void {
    for (const wish of this.#world.provisionedOf(partition))
      this.#handle(lead, { kind: 'provisioned-changed', ...wish })
  }

  resignAll(): void {
    for (const [partition, lead] of [...this.#leads]) {
      const { leader } = lead
      const workers = this.#workersOf(lead)
      this.#end(partition, lead)
      this.#world.board.resign(this.process, partition, leader, workers)
    }
  }

  #poll(partition: number): void {
    this.process.after(700, () => {
      this.#consider(partition)
      const lead = this.#leads.get(partition)
      if (lead && !this.#sure(lead)) this.#end(partition, lead)
      this.#poll(partition)
    })
  }

  #consider(partition: number): void {
    const busy = (): boolean =>
      this.#leads.has(partition) || this.#claiming.has(partition) || this.#view.leader(partition) !== undefined
    if (busy()) return
    this.process.after(this.#world.dice.between(0, 30), () => {
      if (busy()) return
      this.#claiming.add(partition)
      const claimedAt = this.process.local()
      this.#world.board.claim(this.process, partition, (leader) => {
        this.#claiming.delete(partition)
        if (leader) this.#lead(partition, leader, claimedAt)
      })
    })
  }

  #lead(partition: number, leader: Leader, claimedAt: number): void {
    const ledgers = new Map<string, ConcurrencyLedger>()
    const core = new LeasePartition(
      {
        epoch: leader.epoch,
        expected: leader.workers,
        timings: this.#world.timings,
        maxWaiting: 1_000,
        newSandboxId: () => `${this.process.id}-${leader.epoch}-${++this.#sandboxes}`,
        ledgerOf: (id) => {
          let ledger = ledgers.get(id)
          if (!ledger) {
            ledger = new ConcurrencyLedger(this.#world.settingsOf(id))
            ledgers.set(id, ledger)
          }
          return ledger
        },
      },
      this.process.local(),
    )
    const lead: Lead = {
      leader,
      core,
      renewedAt: claimedAt,
      dispatchers: new Map(),
      workers: new Map(),
      remembered: new Set(leader.workers?.map((w) => w.workerId)),
      joining: new Map(),
      renewing: false,
      ticking: false,
    }
    this.#leads.set(partition, lead)
    this.#provision(partition, lead)
    this.#renewLater(partition, lead)
    this.#tick(lead)
  }

  #sure(lead: Lead): boolean {
    return this.process.local() < lead.renewedAt + (this.#world.board.ttlMs * 2) / 3
  }

  #renewLater(partition: number, lead: Lead): void {
    this.process.after(this.#world.board.ttlMs / 3, () => {
      if (this.#leads.get(partition) !== lead) return
      this.#renew(partition, lead)
      this.#renewLater(partition, lead)
    })
  }

  #workersOf(lead: Lead): readonly LeaderWorker[] {
    const list = new Map(lead.core.workersToRemember().map((w) => [w.workerId, w]))
    for (const { worker } of lead.joining.values()) list.set(worker.workerId, worker)
    return [...list.values()]
  }

  #renew(partition: number, lead: Lead): void {
    if (lead.renewing || this.#leads.get(partition) !== lead) return
    lead.renewing = true
    const sentAt = this.process.local()
    const workers = this.#workersOf(lead)
    const joining = new Map(lead.joining)
    this.#world.board.renew(this.process, partition, lead.leader, workers, (answer) => {
      lead.renewing = false
      if (this.#leads.get(partition) !== lead) return
      if (answer === 'lost') {
        this.#end(partition, lead)
        return
      }
      if (answer) {
        lead.leader = answer
        lead.renewedAt = sentAt
        lead.remembered = new Set(workers.map((w) => w.workerId))
        for (const [key, { join }] of joining) {
          lead.joining.delete(key)
          join()
        }
      }
      // An unknown outcome is tried again at once; the lead ends by itself when none succeeds in time.
      if (!answer || lead.joining.size > 0) this.#renew(partition, lead)
    })
  }

  #end(partition: number, lead: Lead): void {
    if (this.#leads.get(partition) === lead) this.#leads.delete(partition)
    for (const end of [...lead.dispatchers.values(), ...lead.workers.values()]) end.close()
    lead.dispatchers.clear()
    lead.workers.clear()
    this.#consider(partition)
  }

  #handle(lead: Lead, event: PartitionEvent): void {
    const partition = [...this.#leads].find(([, l]) => l === lead)?.[0]
    if (partition === undefined) return
    if (!this.#sure(lead)) {
      this.#end(partition, lead)
      return
    }
    for (const decision of lead.core.handle(event, this.process.local())) {
      if (decision.to === 'dispatcher') lead.dispatchers.get(decision.connection)?.send(decision.frame)
      else if (decision.to === 'worker') lead.workers.get(decision.connection)?.send(decision.frame)
      else {
        const end = lead.dispatchers.get(decision.connection) ?? lead.workers.get(decision.connection)
        lead.dispatchers.delete(decision.connection)
        lead.workers.delete(decision.connection)
        end?.close()
      }
    }
    this.#tick(lead)
  }

  #tick(lead: Lead): void {
    if (lead.ticking || !lead.core.restless) return
    lead.ticking = true
    this.process.after(50, () => {
      lead.ticking = false
      this.#handle(lead, { kind: 'tick' })
    })
  }
}
