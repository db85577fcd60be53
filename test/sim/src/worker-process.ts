import type { PlacementToWorkerFrame, WorkerFrame } from '@weft/contracts/placement'
import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import type { LeaseTimings, WhenBlind } from '@weft/placement'
import { type ModelRun, ModelWorker } from '@weft/placement/testing'
import type { Board, BoardView } from './board.ts'
import type { End } from './network.ts'
import type { Process } from './process.ts'
import type { Dice } from './random.ts'

export interface WorkerWorld {
  readonly board: Board
  readonly dice: Dice
  readonly partitions: number
  readonly timings: LeaseTimings
  readonly whenBlind: WhenBlind
  readonly memoryMb: number
  readonly parallelStarts: number
  readonly dialPlacement: (from: Process, instanceId: string) => End<PlacementToWorkerFrame, WorkerFrame>
  readonly runMs: () => number
  readonly onRun: (run: ModelRun) => void
}

interface Link {
  end: End<PlacementToWorkerFrame, WorkerFrame> | undefined
  epoch: number
}

/** A worker: the model on simulated connections. */
export class WorkerProcess {
  readonly process: Process
  readonly model: ModelWorker
  readonly #world: WorkerWorld
  readonly #view: BoardView
  readonly #links = new Map<number, Link>()
  readonly #dispatchers = new Map<number, End<RunFrame, ResultFrame>>()
  /** True time at which a run comes to its end by itself. */
  readonly #endsAt = new Map<ModelRun, number>()
  #connections = 0

  constructor(process: Process, world: WorkerWorld) {
    this.process = process
    this.#world = world
    this.model = new ModelWorker(
      {
        id: process.id,
        address: '',
        memoryMb: world.memoryMb,
        runtimes: ['nodejs24.x'],
        parallelStarts: world.parallelStarts,
        timings: world.timings,
        whenBlind: world.whenBlind,
      },
      {
        toLeader: (partition, frame) => this.#links.get(partition)?.end?.send(frame),
        toDispatcher: (connection, frame) => this.#dispatchers.get(connection)?.send(frame),
        onStart: (sandboxId) => {
          const failure = world.dice.chance(0.05) ? 'it did not boot' : undefined
          process.after(world.dice.between(5, 120), () => this.model.started(sandboxId, failure))
        },
        onRun: (run) => {
          const runMs = world.runMs()
          // The sandbox is a process of its own: it comes to an end while its worker is stopped.
          this.#endsAt.set(run, process.scheduler.now + runMs)
          world.onRun(run)
          process.after(runMs, () => {
            this.#endsAt.delete(run)
            this.model.finish(run)
          })
        },
      },
    )
    this.#view = world.board.watch(process, (partition, leader) => {
      this.model.gate(partition, process.local()).leaderVisible(leader?.epoch, process.local())
      this.#redial(partition)
    })
    for (let p = 0; p < world.partitions; p++) {
      this.#links.set(p, { end: undefined, epoch: 0 })
      this.#tend(p)
    }
  }

  /** What runs at this moment, whatever the worker knows of it. */
  runs(): readonly ModelRun[] {
    if (!this.process.alive) return []
    const { now } = this.process.scheduler
    return this.model.runs().filter((run) => now < (this.#endsAt.get(run) ?? 0))
  }

  /** Goes away as an orderly worker does; calls back when nothing is left in it. */
  leave(gone: () => void): void {
    this.model.drain()
    const look = (): void => {
      if (this.model.sandboxes === 0) gone()
      else this.process.after(50, look)
    }
    this.process.after(50, look)
  }

  accept(end: End<RunFrame, ResultFrame>): void {
    const connection = ++this.#connections
    this.#dispatchers.set(connection, end)
    end.receive({
      onFrame: ({ frame }) => {
        if (frame?.$case === 'invoke') this.model.run(connection, frame.value, this.process.local())
      },
      onClosed: () => this.#dispatchers.delete(connection),
    })
  }

  /** Looks after the fence and the connection, as timers of a real worker do. */
  #tend(partition: number): void {
    this.process.after(100, () => {
      const stopped = this.model.gate(partition, this.process.local()).awake(this.process.local())
      this.model.fenceIfDue(partition, this.process.local())
      this.#redial(partition, stopped)
      this.#tend(partition)
    })
  }

  #redial(partition: number, anew = false): void {
    const link = this.#links.get(partition)
    const leader = this.#view.leader(partition)
    if (!link || !leader || (link.end && link.epoch === leader.epoch && !anew)) return
    const old = link.end
    link.end = undefined
    if (old) {
      old.close()
      this.model.leaderLost(partition, this.process.local())
    }
    const end = this.#world.dialPlacement(this.process, leader.instanceId)
    link.end = end
    link.epoch = leader.epoch
    end.send(this.model.hello(partition, leader.epoch, this.process.local()))
    end.receive({
      onFrame: (frame) => {
        if (link.end === end) this.model.leaderFrame(partition, frame, this.process.local())
      },
      onClosed: () => {
        if (link.end !== end) return
        link.end = undefined
        this.model.leaderLost(partition, this.process.local())
      },
    })
  }
}
