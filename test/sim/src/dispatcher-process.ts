import type { InvokeCall, InvokeOutcome } from '@weft/contracts'
import type { DispatcherFrame, PlacementToDispatcherFrame } from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import { DispatcherCore, type PendingCall } from '@weft/invoke'
import type { Board, BoardView } from './board.ts'
import type { End } from './network.ts'
import type { Process } from './process.ts'

export interface DispatcherWorld {
  readonly board: Board
  readonly partitionOf: (accountId: string) => number
  readonly idleLeaseMs: number
  readonly dialPlacement: (from: Process, instanceId: string) => End<PlacementToDispatcherFrame, DispatcherFrame>
  readonly dialWorker: (from: Process, workerId: string) => End<ResultFrame, RunFrame>
}

interface Link {
  end: End<PlacementToDispatcherFrame, DispatcherFrame> | undefined
  epoch: number
  failures: number
  waiting: boolean
}

interface WorkerLink {
  readonly end: End<ResultFrame, RunFrame>
  opened: boolean
  readonly early: RunFrame[]
}

/** A dispatcher: the real core on simulated connections. */
export class DispatcherProcess {
  readonly process: Process
  readonly core: DispatcherCore
  readonly #world: DispatcherWorld
  readonly #view: BoardView
  readonly #partitions = new Map<number, Link>()
  readonly #workers = new Map<string, WorkerLink>()
  #timerAt = Number.POSITIVE_INFINITY
  #timer = 0

  constructor(process: Process, world: DispatcherWorld) {
    this.process = process
    this.#world = world
    this.core = new DispatcherCore(
      { id: process.id, idleLeaseMs: world.idleLeaseMs, patienceMs: 5, maxWaiting: 1_000, maxNotStarted: 3 },
      {
        toPlacement: (partition, frame) => this.#link(partition)?.end?.send(frame),
        toWorker: (door, lease, frame) => this.#toWorker(door, lease.workerId, frame),
      },
      world.partitionOf,
    )
    this.#view = world.board.watch(process, (partition, leader) => {
      const link = this.#partitions.get(partition)
      if (!link || !leader || (link.end && link.epoch === leader.epoch)) return
      const { end } = link
      link.end = undefined
      end?.close()
      link.failures = 0
      this.#dial(partition, link)
    })
  }

  invoke(call: InvokeCall, spec: SandboxSpec, done: (outcome: InvokeOutcome) => void): PendingCall | undefined {
    const pending = this.core.invoke(call, spec, done, this.process.local())
    this.#settled()
    return pending
  }

  /** Leases in its hands. */
  held(partition: number): { readonly sandboxId: string; readonly lease: string }[] {
    return this.core
      .heldLeases(partition)
      .map((l) => ({ sandboxId: l.sandboxId, lease: `${l.id?.epoch}.${l.id?.number}` }))
  }

  #link(partition: number): Link | undefined {
    const known = this.#partitions.get(partition)
    if (known) return known
    const link: Link = { end: undefined, epoch: 0, failures: 0, waiting: false }
    this.#partitions.set(partition, link)
    this.#dial(partition, link)
    return undefined
  }

  #dial(partition: number, link: Link): void {
    const leader = this.#view.leader(partition)
    if (link.end) return
    if (!leader) {
      this.#dialLater(partition, link)
      return
    }
    const end = this.#world.dialPlacement(this.process, leader.instanceId)
    link.end = end
    link.epoch = leader.epoch
    end.send({ frame: { $case: 'hello', value: this.core.hello(partition) } })
    this.core.resend(partition, this.process.local())
    end.receive({
      onFrame: (frame) => {
        if (link.end !== end) return
        if (frame.frame?.$case === 'welcome') link.failures = 0
        this.core.placementFrame(partition, frame, this.process.local())
        this.#settled()
      },
      onClosed: () => {
        if (link.end !== end) return
        link.end = undefined
        this.#dialLater(partition, link)
      },
    })
  }

  #dialLater(partition: number, link: Link): void {
    if (link.waiting) return
    link.waiting = true
    link.failures += 1
    this.process.after(Math.min(1_000, 20 * 2 ** Math.min(link.failures, 10)), () => {
      link.waiting = false
      this.#dial(partition, link)
    })
  }

  #toWorker(door: string, workerId: string, frame: RunFrame): void {
    let link = this.#workers.get(door)
    if (!link) {
      const end = this.#world.dialWorker(this.process, workerId)
      const made: WorkerLink = { end, opened: false, early: [] }
      link = made
      this.#workers.set(door, made)
      end.onOpened = () => {
        made.opened = true
        for (const early of made.early.splice(0)) end.send(early)
      }
      end.receive({
        onFrame: (result) => {
          this.core.workerFrame(door, result, this.process.local())
          this.#settled()
        },
        onClosed: () => {
          this.#workers.delete(door)
          this.core.workerLost(door, made.opened, this.process.local())
          this.#settled()
        },
      })
    }
    if (link.opened) link.end.send(frame)
    else link.early.push(frame)
  }

  #settled(): void {
    const { dueAt } = this.core
    if (dueAt >= this.#timerAt) return
    this.#timerAt = dueAt
    const timer = ++this.#timer
    this.process.after(dueAt - this.process.local(), () => {
      if (timer !== this.#timer) return
      this.#timerAt = Number.POSITIVE_INFINITY
      this.core.tick(this.process.local())
      this.#settled()
    })
  }
}
