import { type InvokeCall, type InvokeOutcome, limits } from '@weft/contracts'
import {
  DenialReason,
  type DispatcherFrame,
  type DispatcherHello,
  type Lease,
  type LeaseId,
  type PlacementToDispatcherFrame,
} from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { InvocationSource, type RunFrame, type RunResult, RunStatus } from '@weft/contracts/worker'
import { doorOf, type Held, type Lane, newLane, type PendingCall } from './lanes.ts'
import { outcomeOfDenial, outcomeOfResult, platformError } from './outcome.ts'

export interface DispatcherConfig {
  readonly id: string
  /** An idle lease is given back after this time. */
  readonly idleLeaseMs: number
  /**
   * A call waits this long for a lease at hand before it asks placement for another: on few cores fewer, busier
   * sandboxes are faster, and a run of a fraction of a millisecond is over sooner than a sandbox starts.
   */
  readonly patienceMs: number
  /** Calls that wait for sandboxes at once; more are refused. */
  readonly maxWaiting: number
  /** How often a call that provably did not start is tried on another lease. */
  readonly maxNotStarted: number
}

/**
 * Where the core's decisions go. Frames for a partition without a connection may be dropped: the core repeats what
 * matters when `connected` is called.
 */
export interface DispatcherOutput {
  toPlacement(partition: number, frame: DispatcherFrame): void
  /** `door` names the connection in `workerResult` and `workerLost`. */
  toWorker(door: string, lease: Lease, frame: RunFrame): void
}

interface DoorRuns {
  readonly inflight: Map<bigint, Held>
  readonly held: Set<Held>
}

interface PartitionLeases {
  readonly acquires: Map<bigint, PendingCall>
  /** By sandbox id. */
  readonly held: Map<string, Held>
}

/**
 * The dispatcher's half of the lease protocol: which call runs under which lease. Events in, frames and outcomes out;
 * `now` is monotonic, ms. It holds no connection and no timer: the shell calls `tick` at `dueAt`.
 */
export class DispatcherCore {
  readonly #config: DispatcherConfig
  readonly #output: DispatcherOutput
  readonly #partitionOf: (accountId: string) => number
  readonly #lanes = new Map<string, Lane>()
  readonly #partitions = new Map<number, PartitionLeases>()
  readonly #doors = new Map<string, DoorRuns>()
  #seq = 0n
  #generation = 0n
  #waiting = 0
  #running = 0
  #closing = false
  #dueAt = Number.POSITIVE_INFINITY

  constructor(config: DispatcherConfig, output: DispatcherOutput, partitionOf: (accountId: string) => number) {
    this.#config = config
    this.#output = output
    this.#partitionOf = partitionOf
  }

  /** When the next tick is wanted; infinity for never. */
  get dueAt(): number {
    return this.#dueAt
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Partitions for which calls wait. */
  waitingPartitions(): number[] {
    const found = new Set<number>()
    for (const lane of this.#lanes.values()) if (lane.waiting.size > 0) found.add(lane.partition)
    return [...found]
  }

  /**
   * Takes a call; `done` is called exactly once with what became of it, and must not call back into the core. Undefined
   * when the call was refused at once.
   */
  invoke(
    call: InvokeCall,
    spec: SandboxSpec,
    done: (outcome: InvokeOutcome) => void,
    now: number,
  ): PendingCall | undefined {
    let lane = this.#lanes.get(spec.sandboxKey)
    if (!lane) {
      lane = newLane(spec, this.#partitionOf(spec.accountId))
      this.#lanes.set(spec.sandboxKey, lane)
    }
    if (this.#closing || this.#waiting >= this.#config.maxWaiting) {
      this.#dropLaneIfUnused(lane)
      done(platformError(this.#closing ? 'shutting down' : 'too many calls wait for sandboxes', false))
      return undefined
    }
    const pending: PendingCall = {
      call,
      lane,
      done,
      seq: 0n,
      enqueuedAt: now,
      deadline: now + spec.timeoutMs + limits.initTimeoutMs,
      state: 'waiting',
      notStarted: 0,
    }
    const held = lane.free.pop()
    if (held) this.#run(pending, held, now)
    else this.#wait(pending, now)
    return pending
  }

  /** The caller no longer waits. A call that runs is left to finish. */
  abort(pending: PendingCall): void {
    if (pending.state === 'waiting') this.#endWaiting(pending, platformError('the caller gave up', false))
  }

  /**
   * A connection to the leader of a partition is new: returns the hello to send first, and sends the open acquires
   * after it once the shell calls `resend`.
   */
  hello(partition: number): DispatcherHello {
    const held = this.heldLeases(partition)
    this.#generation += 1n
    return { dispatcherId: this.#config.id, partition, held, generation: this.#generation }
  }

  heldLeases(partition: number): Lease[] {
    return Array.from(this.#leases(partition).held.values(), ({ lease }) => lease)
  }

  resend(partition: number, now: number): void {
    for (const pending of this.#leases(partition).acquires.values()) this.#sendAcquire(pending, now)
  }

  /** A frame from the present leader of a partition. */
  placementFrame(partition: number, { frame }: PlacementToDispatcherFrame, now: number): void {
    if (!frame) return
    const leases = this.#leases(partition)
    switch (frame.$case) {
      case 'welcome':
        return
      case 'granted':
        if (frame.value.lease?.id) this.#granted(leases, frame.value.seq, frame.value.lease, now)
        return
      case 'denied': {
        const pending = leases.acquires.get(frame.value.seq)
        // A placement that does not lead has decided nothing: the acquire is repeated to the one that does.
        if (!pending || frame.value.reason === DenialReason.DENIAL_REASON_NOT_LEADER) return
        leases.acquires.delete(pending.seq)
        pending.seq = 0n
        this.#endWaiting(pending, outcomeOfDenial(frame.value))
        return
      }
      case 'recall':
        this.#recalled(leases, frame.value.sandboxId, frame.value.id, frame.value.ifIdle, now)
        return
      case 'revoked':
        this.#recalled(leases, frame.value.sandboxId, frame.value.id, false, now)
        return
    }
  }

  workerResult(door: string, result: RunResult, now: number): void {
    const runs = this.#doors.get(door)
    const held = runs?.inflight.get(result.seq)
    const pending = held?.running
    if (!runs || !held || !pending) return
    runs.inflight.delete(result.seq)
    held.running = undefined
    this.#running -= 1
    if (result.status === RunStatus.RUN_STATUS_NOT_STARTED) {
      this.#release(held, result.sandboxLost, false)
      this.#retry(pending, result.detail, now)
      return
    }
    const { lane } = held
    const tookMs = now - held.startedAt
    lane.runMs = lane.runMs === 0 ? tookMs : lane.runMs * 0.8 + tookMs * 0.2
    this.#reuse(held, result.sandboxLost, now)
    pending.state = 'ended'
    pending.done(outcomeOfResult(result, lane.spec.version))
  }

  /**
   * The connection to a worker is gone. `opened` is false when it never came about, so that nothing sent on it can have
   * started.
   */
  workerLost(door: string, opened: boolean, now: number): void {
    const runs = this.#doors.get(door)
    if (!runs) return
    for (const held of [...runs.held]) {
      const pending = held.running
      if (pending) {
        runs.inflight.delete(held.runSeq)
        held.running = undefined
        this.#running -= 1
      } else {
        const at = held.lane.free.lastIndexOf(held)
        if (at >= 0) held.lane.free.splice(at, 1)
      }
      this.#release(held, true, pending !== undefined && opened)
      if (!pending) continue
      if (!opened) this.#retry(pending, 'the worker could not be reached', now)
      else {
        pending.state = 'ended'
        pending.done(platformError('the worker was lost during the invocation', true))
        this.#askIfAlone(held.lane, now)
      }
    }
  }

  tick(now: number): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const lane of [...this.#lanes.values()]) {
      for (const pending of lane.waiting) {
        if (now < pending.deadline) {
          this.#due(pending.deadline)
          break
        }
        const { timeoutMs } = lane.spec
        const detail = `no sandbox within ${timeoutMs + limits.initTimeoutMs} ms`
        this.#endWaiting(pending, platformError(detail, false))
      }
      for (const pending of lane.patient) {
        if (now < pending.enqueuedAt + this.#config.patienceMs) {
          this.#due(pending.enqueuedAt + this.#config.patienceMs)
          break
        }
        this.#acquire(pending, now)
      }
      // The first of the list has been idle for longest.
      while (lane.free[0] && now >= lane.free[0].idleSince + this.#config.idleLeaseMs) {
        const held = lane.free.shift()
        if (held) this.#release(held, false, false)
      }
      if (lane.free[0]) this.#due(lane.free[0].idleSince + this.#config.idleLeaseMs)
    }
  }

  /** Refuses new calls and those that wait, and gives idle leases back. What runs goes on. */
  close(): void {
    this.#closing = true
    for (const lane of [...this.#lanes.values()]) {
      for (const pending of [...lane.waiting]) this.#endWaiting(pending, platformError('shutting down', false))
      for (const held of lane.free.splice(0)) this.#release(held, false, false)
    }
  }

  #granted(leases: PartitionLeases, seq: bigint, lease: Lease, now: number): void {
    const lane = this.#lanes.get(lease.sandboxKey)
    const asker = leases.acquires.get(seq)
    leases.acquires.delete(seq)
    if (asker) asker.seq = 0n
    if (!lane || this.#closing) {
      // Its call was served or gave up meanwhile, and no other needs the lease.
      this.#output.toPlacement(this.#partitionOf(lease.accountId), {
        frame: {
          $case: 'release',
          value: { id: lease.id, sandboxId: lease.sandboxId, sandboxLost: false, mayStillRun: false },
        },
      })
      return
    }
    const held: Held = {
      lease,
      lane,
      door: doorOf(lease),
      running: undefined,
      runSeq: 0n,
      startedAt: 0,
      idleSince: now,
      recalled: false,
    }
    leases.held.set(lease.sandboxId, held)
    this.#runsOf(held.door).held.add(held)
    lane.keeping += 1
    lane.held += 1
    const [oldest] = lane.waiting
    if (oldest && asker && oldest !== asker) {
      // Late binding: the oldest call is served, and the one that asked takes over its place at placement.
      asker.seq = oldest.seq
      oldest.seq = 0n
      lane.patient.delete(oldest)
      if (asker.seq !== 0n) leases.acquires.set(asker.seq, asker)
      else lane.patient.add(asker)
    }
    if (oldest) this.#serve(oldest, held, now)
    else this.#park(held, now)
  }

  #recalled(leases: PartitionLeases, sandboxId: string, id: LeaseId | undefined, ifIdle: boolean, now: number): void {
    const held = leases.held.get(sandboxId)
    if (!held || !id || held.lease.id?.epoch !== id.epoch || held.lease.id.number !== id.number) return
    if (!held.running) {
      const at = held.lane.free.lastIndexOf(held)
      if (at >= 0) held.lane.free.splice(at, 1)
      this.#release(held, false, false)
      return
    }
    if (!ifIdle && !held.recalled) {
      held.recalled = true
      held.lane.keeping -= 1
      this.#askIfAlone(held.lane, now)
    }
    this.#output.toPlacement(held.lane.partition, {
      frame: { $case: 'busy', value: { id, sandboxId, kept: ifIdle } },
    })
  }

  #wait(pending: PendingCall, now: number): void {
    const { lane } = pending
    const expectedMs = (lane.runMs * (lane.waiting.size + 1)) / lane.keeping
    lane.waiting.add(pending)
    this.#waiting += 1
    this.#due(pending.deadline)
    // 0/0, a lane without leases, is not less than anything.
    if (expectedMs < this.#config.patienceMs) {
      lane.patient.add(pending)
      this.#due(now + this.#config.patienceMs)
    } else this.#acquire(pending, now)
  }

  #acquire(pending: PendingCall, now: number): void {
    pending.lane.patient.delete(pending)
    this.#seq += 1n
    pending.seq = this.#seq
    this.#leases(pending.lane.partition).acquires.set(pending.seq, pending)
    this.#sendAcquire(pending, now)
  }

  #sendAcquire(pending: PendingCall, now: number): void {
    const { lane, call } = pending
    const waitMs = Math.max(1, Math.ceil(pending.deadline - now))
    this.#output.toPlacement(lane.partition, {
      frame: {
        $case: 'acquire',
        value: {
          seq: pending.seq,
          spec: lane.spec,
          requestId: call.requestId,
          deadlineMs: BigInt(Math.ceil(call.acceptedAtMs)) + BigInt(waitMs),
          waitMs,
        },
      },
    })
  }

  /** Calls that wait patiently for leases that are no longer kept ask for their own. */
  #askIfAlone(lane: Lane, now: number): void {
    if (lane.keeping > 0) return
    for (const pending of [...lane.patient]) this.#acquire(pending, now)
  }

  /** Takes the call out of the line and withdraws its acquire. */
  #leaveLine(pending: PendingCall): void {
    const { lane } = pending
    if (!lane.waiting.delete(pending)) return
    this.#waiting -= 1
    lane.patient.delete(pending)
    if (pending.seq === 0n) return
    this.#leases(lane.partition).acquires.delete(pending.seq)
    this.#output.toPlacement(lane.partition, { frame: { $case: 'cancel', value: { seq: pending.seq } } })
    pending.seq = 0n
  }

  #endWaiting(pending: PendingCall, outcome: InvokeOutcome): void {
    this.#leaveLine(pending)
    pending.state = 'ended'
    this.#dropLaneIfUnused(pending.lane)
    pending.done(outcome)
  }

  #serve(pending: PendingCall, held: Held, now: number): void {
    this.#leaveLine(pending)
    this.#run(pending, held, now)
  }

  #run(pending: PendingCall, held: Held, now: number): void {
    const { lease } = held
    const { call } = pending
    this.#seq += 1n
    pending.state = 'running'
    held.running = pending
    held.runSeq = this.#seq
    held.startedAt = now
    this.#running += 1
    this.#runsOf(held.door).inflight.set(this.#seq, held)
    this.#output.toWorker(held.door, lease, {
      frame: {
        $case: 'invoke',
        value: {
          seq: this.#seq,
          lease: lease.id,
          sandboxId: lease.sandboxId,
          requestId: call.requestId,
          invokedFunctionArn: call.target.invokedArn,
          payload: asBuffer(call.payload),
          clientContext: call.clientContext ?? '',
          traceHeader: call.traceHeader ?? '',
          traceparent: call.traceparent ?? '',
          logTail: call.logTail,
          source: sources[call.source],
          attempt: call.attempt,
          acceptedAtMs: call.acceptedAtMs,
        },
      },
    })
  }

  /** What becomes of a lease whose invocation has ended. */
  #reuse(held: Held, sandboxLost: boolean, now: number): void {
    const { lane } = held
    if (sandboxLost || held.recalled || this.#closing) {
      this.#release(held, sandboxLost, false)
      this.#askIfAlone(lane, now)
      return
    }
    const [next] = lane.waiting
    if (next) this.#serve(next, held, now)
    else this.#park(held, now)
  }

  #park(held: Held, now: number): void {
    held.idleSince = now
    held.lane.free.push(held)
    this.#due(now + this.#config.idleLeaseMs)
  }

  #retry(pending: PendingCall, detail: string, now: number): void {
    pending.notStarted += 1
    if (pending.notStarted > this.#config.maxNotStarted || this.#closing || now >= pending.deadline) {
      pending.state = 'ended'
      this.#dropLaneIfUnused(pending.lane)
      pending.done(platformError(detail, false))
      return
    }
    const { lane } = pending
    // The lane may have been dropped with its last lease.
    this.#lanes.set(lane.spec.sandboxKey, lane)
    pending.state = 'waiting'
    const held = lane.free.pop()
    if (held) {
      this.#run(pending, held, now)
      return
    }
    // It is older than all that wait.
    lane.waiting = new Set([pending, ...lane.waiting])
    this.#waiting += 1
    this.#due(pending.deadline)
    this.#acquire(pending, now)
    this.#askIfAlone(lane, now)
  }

  #release(held: Held, sandboxLost: boolean, mayStillRun: boolean): void {
    const { lease, lane } = held
    this.#leases(lane.partition).held.delete(lease.sandboxId)
    const runs = this.#runsOf(held.door)
    runs.held.delete(held)
    if (runs.held.size === 0) this.#doors.delete(held.door)
    if (!held.recalled) lane.keeping -= 1
    held.recalled = true
    lane.held -= 1
    this.#output.toPlacement(lane.partition, {
      frame: { $case: 'release', value: { id: lease.id, sandboxId: lease.sandboxId, sandboxLost, mayStillRun } },
    })
    this.#dropLaneIfUnused(lane)
  }

  #dropLaneIfUnused(lane: Lane): void {
    if (lane.waiting.size > 0 || lane.held > 0) return
    if (this.#lanes.get(lane.spec.sandboxKey) === lane) this.#lanes.delete(lane.spec.sandboxKey)
  }

  #leases(partition: number): PartitionLeases {
    let leases = this.#partitions.get(partition)
    if (!leases) {
      leases = { acquires: new Map(), held: new Map() }
      this.#partitions.set(partition, leases)
    }
    return leases
  }

  #runsOf(door: string): DoorRuns {
    let runs = this.#doors.get(door)
    if (!runs) {
      runs = { inflight: new Map(), held: new Set() }
      this.#doors.set(door, runs)
    }
    return runs
  }

  #due(at: number): void {
    if (at < this.#dueAt) this.#dueAt = at
  }
}

const sources = {
  sync: InvocationSource.INVOCATION_SOURCE_SYNC,
  event: InvocationSource.INVOCATION_SOURCE_EVENT,
  mapping: InvocationSource.INVOCATION_SOURCE_MAPPING,
} as const

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
