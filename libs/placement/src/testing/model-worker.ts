import type { LeaseId, PlacementToWorkerFrame, SandboxReport, WorkerFrame } from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { type ResultFrame, type RunInvocation, type RunResult, RunStatus } from '@weft/contracts/worker'
import { LeaseGate, type WhenBlind } from '../gate.ts'
import { sameLease } from '../lease-id.ts'
import type { LeaseTimings } from '../timings.ts'

export interface ModelWorkerOptions {
  readonly id: string
  readonly address: string
  readonly memoryMb: number
  readonly runtimes: readonly string[]
  /** Starts at once; 0 for any number. */
  readonly parallelStarts: number
  readonly timings: Pick<LeaseTimings, 'workerFenceMs'>
  readonly whenBlind: WhenBlind
}

/** Where the model's doings go; the test or simulator decides when things take place. */
export interface ModelWorkerOutput {
  toLeader(partition: number, frame: WorkerFrame): void
  toDispatcher(connection: number, frame: ResultFrame): void
  /** A sandbox was asked for: call `started` when it is ready or has failed. */
  onStart(sandboxId: string, spec: SandboxSpec): void
  /** An invocation runs: call `finish` when it is done. */
  onRun(run: ModelRun): void
}

export interface ModelRun {
  readonly connection: number
  readonly invocation: RunInvocation
  readonly sandboxId: string
  readonly spec: SandboxSpec
}

interface ModelSandbox {
  readonly id: string
  readonly spec: SandboxSpec
  readonly partition: number
  readonly provisioned: boolean
  ready: boolean
  usedAt: number
  run: ModelRun | undefined
  /** EndLease came while something ran under it. */
  ending: LeaseId | undefined
  /** StopSandbox came while something ran. */
  stopping: boolean
}

/** A sandbox that was used within this time may be under a lease that is kept for the next call. */
const idleBeforeRoomMs = 1_000

/** A worker as the lease protocol sees it, without sandboxes: what real ones must do, and no more. */
export class ModelWorker {
  readonly #options: ModelWorkerOptions
  readonly #output: ModelWorkerOutput
  readonly #gates = new Map<number, LeaseGate>()
  readonly #sandboxes = new Map<string, ModelSandbox>()
  #generation = 0n
  #draining = false

  constructor(options: ModelWorkerOptions, output: ModelWorkerOutput) {
    this.#options = options
    this.#output = output
  }

  get id(): string {
    return this.#options.id
  }

  gate(partition: number, now: number): LeaseGate {
    let gate = this.#gates.get(partition)
    if (!gate) {
      gate = new LeaseGate(this.#options.timings, this.#options.whenBlind, now)
      this.#gates.set(partition, gate)
    }
    return gate
  }

  /** Takes nothing new from now on, so that it can go once it is empty. */
  drain(): void {
    this.#draining = true
    this.#tellStats()
  }

  /** What runs now. */
  runs(): readonly ModelRun[] {
    return [...this.#sandboxes.values()].flatMap(({ run }) => run ?? [])
  }

  get sandboxes(): number {
    return this.#sandboxes.size
  }

  /** A connection to a leader is new: its hello. */
  hello(partition: number, epoch: number, now: number): WorkerFrame {
    const gate = this.gate(partition, now)
    this.#generation += 1n
    // Whatever should have stopped by now has, before anything is told.
    this.fenceIfDue(partition, now)
    gate.report(epoch)
    const { id, address, memoryMb, runtimes, parallelStarts } = this.#options
    const sandboxes: SandboxReport[] = [...this.#sandboxes.values()]
      .filter((s) => s.partition === partition)
      .map((s) => ({
        sandboxId: s.id,
        spec: s.spec,
        lease: gate.latest(s.id),
        busy: s.run !== undefined,
        starting: !s.ready,
        provisioned: s.provisioned,
      }))
    return {
      frame: {
        $case: 'hello',
        value: {
          workerId: id,
          partition,
          address,
          zone: '',
          runtimes: [...runtimes],
          runtimeVersions: [],
          networks: [],
          isolation: 'container',
          memoryMb: BigInt(memoryMb),
          parallelStarts,
          sandboxes,
          generation: this.#generation,
        },
      },
    }
  }

  leaderLost(partition: number, now: number): void {
    this.gate(partition, now).contactLost(now)
  }

  /** Stops everything of the partition when the gate says so. True when it did. */
  fenceIfDue(partition: number, now: number): boolean {
    if (!this.gate(partition, now).fenced(now)) return false
    for (const sandbox of [...this.#sandboxes.values()])
      if (sandbox.partition === partition && (sandbox.run || this.gate(partition, now).latest(sandbox.id)))
        this.#remove(sandbox, 'fenced')
    return true
  }

  leaderFrame(partition: number, { frame }: PlacementToWorkerFrame, now: number): void {
    const gate = this.gate(partition, now)
    switch (frame?.$case) {
      case 'welcome':
        gate.contact()
        return
      case 'start': {
        const { sandboxId, spec, provisioned } = frame.value
        if (!spec || this.#sandboxes.has(sandboxId)) return
        if (this.#draining || !this.#makeRoom(partition, spec.memoryMb, now)) {
          const value = { sandboxId, reason: 'no room', noCapacity: true, initFailed: false }
          this.#output.toLeader(partition, { frame: { $case: 'failed', value } })
          return
        }
        this.#sandboxes.set(sandboxId, {
          id: sandboxId,
          spec,
          partition,
          provisioned,
          ready: false,
          usedAt: now,
          run: undefined,
          ending: undefined,
          stopping: false,
        })
        this.#tellStats()
        this.#output.onStart(sandboxId, spec)
        return
      }
      case 'stop': {
        const sandbox = this.#sandboxes.get(frame.value.sandboxId)
        if (sandbox?.run) sandbox.stopping = true
        else if (sandbox) this.#remove(sandbox, 'stopped')
        else this.#gone(partition, frame.value.sandboxId, 'not here')
        return
      }
      case 'endLease': {
        const { id, sandboxId } = frame.value
        const sandbox = this.#sandboxes.get(sandboxId)
        if (!id) return
        if (!sandbox) {
          this.#gone(partition, sandboxId, 'not here')
          return
        }
        gate.end(sandboxId, id)
        if (sandbox.run && sameLease(sandbox.run.invocation.lease, id)) sandbox.ending = id
        else this.#output.toLeader(partition, { frame: { $case: 'leaseEnded', value: { sandboxId, id } } })
        return
      }
      // Code takes no time here.
      case 'expect':
      case undefined:
        return
    }
  }

  started(sandboxId: string, failure?: string): void {
    const sandbox = this.#sandboxes.get(sandboxId)
    if (!sandbox || sandbox.ready) return
    if (failure !== undefined) {
      this.#sandboxes.delete(sandboxId)
      const value = { sandboxId, reason: failure, noCapacity: false, initFailed: sandbox.provisioned }
      this.#output.toLeader(sandbox.partition, { frame: { $case: 'failed', value } })
      return
    }
    sandbox.ready = true
    this.#output.toLeader(sandbox.partition, { frame: { $case: 'ready', value: { sandboxId } } })
  }

  run(connection: number, invocation: RunInvocation, now: number): void {
    const sandbox = this.#sandboxes.get(invocation.sandboxId)
    const refuse = (detail: string): void =>
      this.#answer(connection, invocation, RunStatus.RUN_STATUS_NOT_STARTED, detail, sandbox === undefined)
    if (!sandbox?.ready || !invocation.lease) {
      refuse('no such sandbox')
      return
    }
    if (sandbox.run) {
      refuse('the sandbox is busy')
      return
    }
    if (!this.gate(sandbox.partition, now).admit(sandbox.id, invocation.lease, now)) {
      refuse('the lease is stale')
      return
    }
    sandbox.usedAt = now
    sandbox.run = { connection, invocation, sandboxId: sandbox.id, spec: sandbox.spec }
    this.#output.onRun(sandbox.run)
  }

  /** The run has ended; nothing happens if it was stopped before. */
  finish(run: ModelRun): void {
    const sandbox = this.#sandboxes.get(run.sandboxId)
    if (sandbox?.run !== run) return
    sandbox.run = undefined
    this.#answer(run.connection, run.invocation, RunStatus.RUN_STATUS_SUCCEEDED, '', false)
    if (sandbox.ending) {
      const value = { sandboxId: sandbox.id, id: sandbox.ending }
      sandbox.ending = undefined
      this.#output.toLeader(sandbox.partition, { frame: { $case: 'leaseEnded', value } })
    }
    if (sandbox.stopping) this.#remove(sandbox, 'stopped')
  }

  /** The sandbox dies, with what runs in it. */
  kill(sandboxId: string): void {
    const sandbox = this.#sandboxes.get(sandboxId)
    if (sandbox) this.#remove(sandbox, 'killed')
  }

  idleSandboxes(): string[] {
    return [...this.#sandboxes.values()].filter((s) => s.ready && !s.run).map((s) => s.id)
  }

  /** Room is made at the cost of other partitions' sandboxes that have not been used for a while, oldest first. */
  #makeRoom(partition: number, needMb: number, now: number): boolean {
    const idle = [...this.#sandboxes.values()]
      .filter((s) => s.partition !== partition && s.ready && !s.run && now >= s.usedAt + idleBeforeRoomMs)
      .sort((a, b) => a.usedAt - b.usedAt)
    while (this.#freeMb() < needMb) {
      const victim = idle.shift()
      if (!victim) return false
      this.#remove(victim, 'room for another partition')
    }
    return true
  }

  #freeMb(): number {
    let free = this.#options.memoryMb
    for (const s of this.#sandboxes.values()) free -= s.spec.memoryMb
    return free
  }

  #tellStats(): void {
    const value = { freeMemoryMb: BigInt(this.#freeMb()), sandboxes: this.#sandboxes.size, draining: this.#draining }
    for (const partition of this.#gates.keys()) this.#output.toLeader(partition, { frame: { $case: 'stats', value } })
  }

  #remove(sandbox: ModelSandbox, reason: string): void {
    this.#sandboxes.delete(sandbox.id)
    this.#gates.get(sandbox.partition)?.forget(sandbox.id)
    const { run } = sandbox
    if (run) this.#answer(run.connection, run.invocation, RunStatus.RUN_STATUS_PLATFORM_ERROR, reason, true)
    this.#gone(sandbox.partition, sandbox.id, reason)
    this.#tellStats()
  }

  #gone(partition: number, sandboxId: string, reason: string): void {
    this.#output.toLeader(partition, { frame: { $case: 'gone', value: { sandboxId, reason } } })
  }

  #answer(
    connection: number,
    invocation: RunInvocation,
    status: RunStatus,
    detail: string,
    sandboxLost: boolean,
  ): void {
    const value: RunResult = {
      seq: invocation.seq,
      status,
      payload: status === RunStatus.RUN_STATUS_SUCCEEDED ? invocation.payload : Buffer.alloc(0),
      logTail: '',
      sandboxLost,
      detail,
      durationMs: 1,
      initDurationMs: 0,
      restoreFailed: false,
    }
    this.#output.toDispatcher(connection, { frame: { $case: 'result', value } })
  }
}
