import { type InvokeCall, type InvokeOutcome, type LeaseOrigin, limits } from '@weft/contracts'
import {
  DenialReason,
  type DispatcherFrame,
  type DispatcherHello,
  type Lease,
  type LeaseGranted,
  type LeaseId,
  type PlacementToDispatcherFrame,
} from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { type ResultFrame, type RunFrame, type RunResult, RunStatus } from '@weft/contracts/worker'
import { AnswerWindow } from './answer-window.ts'
import { Asking } from './asking.ts'
import { RunTimes, unhindered } from './demand.ts'
import { acquireFrame, busyFrame, creditFrame, invokeFrame, releaseFrame } from './frames.ts'
import { type Held, type Lane, newLane, type PendingCall, takeFree } from './lanes.ts'
import { LeaseBook } from './lease-book.ts'
import { outcomeOfDenial, outcomeOfResult, platformError } from './outcome.ts'
import { WaitingLine } from './waiting-line.ts'

export interface DispatcherConfig {
  readonly id: string
  /** An idle lease is given back after this time. */
  readonly idleLeaseMs: number
  /**
   * A call waits this long, or as long as cold starts are found to take if that is longer, for a lease at hand or on its
   * way rather than asking placement for another: on few cores fewer, busier sandboxes are faster, and a run of a
   * fraction of a millisecond is over sooner than a sandbox starts.
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

/** What is known of the sandbox when its lease is given back. */
const intact = { sandboxLost: false, mayStillRun: false }

/**
 * The dispatcher's half of the lease protocol: which call runs under which lease. Events in, frames and outcomes out;
 * `now` is monotonic, ms. It holds no connection and no timer: the shell calls `tick` at `dueAt`.
 */
export class DispatcherCore {
  readonly #config: DispatcherConfig
  readonly #output: DispatcherOutput
  readonly #partitionOf: (accountId: string) => number
  readonly #lanes = new Map<string, Lane>()
  readonly #leases = new LeaseBook()
  readonly #line = new WaitingLine()
  readonly #runTimes = new RunTimes()
  readonly #asking: Asking
  #seq = 0n
  #generation = 0n
  #closing = false
  #dueAt = Number.POSITIVE_INFINITY

  constructor(config: DispatcherConfig, output: DispatcherOutput, partitionOf: (accountId: string) => number) {
    this.#config = config
    this.#asking = new Asking({
      line: this.#line,
      patienceMs: config.patienceMs,
      nextSeq: () => this.#nextSeq(),
      toPlacement: (partition, frame) => output.toPlacement(partition, frame),
      due: (at) => this.#due(at),
    })
    this.#output = output
    this.#partitionOf = partitionOf
  }

  /** When the next tick is wanted; infinity for never. */
  get dueAt(): number {
    return this.#dueAt
  }

  get running(): number {
    return this.#leases.running
  }

  get waiting(): number {
    return this.#line.size
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
      lane = newLane(spec, this.#partitionOf(spec.accountId), this.#runTimes.of(spec.functionArn))
      this.#lanes.set(spec.sandboxKey, lane)
    }
    if (this.#closing || this.#line.size >= this.#config.maxWaiting) {
      this.#dropLaneIfUnused(lane)
      done(platformError(this.#closing ? 'shutting down' : 'too many calls wait for sandboxes', false))
      return undefined
    }
    const pending: PendingCall = {
      call,
      lane,
      done,
      seq: 0n,
      inherited: false,
      askedAt: 0,
      enqueuedAt: now,
      deadline: now + spec.timeoutMs + limits.initTimeoutMs,
      state: 'waiting',
      notStarted: 0,
      answer: undefined,
    }
    const held = lane.free.pop()
    if (held) this.#run(pending, held, 'held', now)
    else this.#asking.wait(pending, now)
    return pending
  }

  /** The caller no longer waits. A call that runs is left to finish; what it still streams is dropped. */
  abort(pending: PendingCall): void {
    if (pending.state === 'waiting') this.#endWaiting(pending, platformError('the caller gave up', false))
    else if (pending.state === 'running') pending.answer?.discard()
  }

  /**
   * A connection to the leader of a partition is new: returns the hello to send first, and sends the open acquires
   * after it once the shell calls `resend`.
   */
  hello(partition: number): DispatcherHello {
    this.#generation += 1n
    return {
      dispatcherId: this.#config.id,
      partition,
      held: this.heldLeases(partition),
      generation: this.#generation,
    }
  }

  heldLeases(partition: number): Lease[] {
    return this.#leases.of(partition)
  }

  resend(partition: number, now: number): void {
    for (const pending of this.#line.asking(partition)) this.#output.toPlacement(partition, acquireFrame(pending, now))
  }

  /** A frame from the present leader of a partition. */
  placementFrame(partition: number, { frame }: PlacementToDispatcherFrame, now: number): void {
    switch (frame?.$case) {
      case undefined:
      case 'welcome':
      case 'rateLimited':
        return
      case 'granted':
        if (frame.value.lease?.id) this.#granted(partition, frame.value, frame.value.lease, now)
        return
      case 'denied': {
        // A placement that does not lead has decided nothing: the acquire is repeated to the one that does.
        if (frame.value.reason === DenialReason.DENIAL_REASON_NOT_LEADER) return
        const pending = this.#line.answered(partition, frame.value.seq)
        if (!pending) return
        // What has waited too long is the acquire, not this call.
        const early = pending.inherited && frame.value.reason === DenialReason.DENIAL_REASON_NO_CAPACITY
        if (early) this.#asking.ask(pending, now)
        else this.#endWaiting(pending, outcomeOfDenial(frame.value))
        this.#asking.balance(pending.lane, now)
        return
      }
      case 'recall':
        this.#recalled(partition, frame.value.sandboxId, frame.value.id, frame.value.ifIdle, now)
        return
      case 'revoked':
        this.#recalled(partition, frame.value.sandboxId, frame.value.id, false, now)
        return
    }
  }

  /** A frame from the worker behind a door. */
  workerFrame(door: string, { frame }: ResultFrame, now: number): void {
    if (frame?.$case === 'result') this.workerResult(door, frame.value, now)
    else if (frame) {
      const held = this.#leases.underRun(door, frame.value.seq)
      const answer = held?.running?.answer
      if (frame.$case === 'chunk') answer?.chunk(frame.value.data)
      else if (held) answer?.begin({ contentType: frame.value.contentType, executedVersion: held.lane.spec.version })
    }
  }

  workerResult(door: string, result: RunResult, now: number): void {
    const held = this.#leases.underRun(door, result.seq)
    const pending = held && this.#leases.ended(held)
    if (!pending) return
    if (result.status === RunStatus.RUN_STATUS_NOT_STARTED) {
      this.#release(held, { sandboxLost: result.sandboxLost, mayStillRun: false })
      this.#retry(pending, result.detail, now)
      return
    }
    const { lane } = held
    lane.runMs = unhindered(lane.runMs, result.durationMs)
    lane.progressAt = now
    this.#reuse(held, result.sandboxLost, now)
    pending.state = 'ended'
    pending.done(outcomeOfResult(result, lane.spec.version))
  }

  /**
   * The connection to a worker is gone. `opened` is false when it never came about, so that nothing sent on it can have
   * started.
   */
  workerLost(door: string, opened: boolean, now: number): void {
    for (const held of this.#leases.behind(door)) {
      const pending = this.#leases.ended(held)
      if (!pending) takeFree(held)
      this.#release(held, { sandboxLost: true, mayStillRun: pending !== undefined && opened })
      if (!pending) continue
      if (!opened) this.#retry(pending, 'the worker could not be reached', now)
      else {
        pending.state = 'ended'
        pending.done(platformError('the worker was lost during the invocation', true))
        this.#asking.balance(held.lane, now)
      }
    }
  }

  tick(now: number): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const lane of [...this.#lanes.values()]) {
      this.#endLate(lane, now)
      this.#asking.lookAt(lane, now)
      this.#giveBackIdle(lane, now)
    }
  }

  /** Refuses new calls and those that wait, and gives idle leases back. What runs goes on. */
  close(): void {
    this.#closing = true
    for (const lane of [...this.#lanes.values()]) {
      for (const pending of [...lane.waiting]) this.#endWaiting(pending, platformError('shutting down', false))
      for (const held of lane.free.splice(0)) this.#release(held, intact)
    }
  }

  #granted(partition: number, { seq, cold }: LeaseGranted, lease: Lease, now: number): void {
    const lane = this.#lanes.get(lease.sandboxKey)
    const asker = this.#line.answered(partition, seq)
    if (asker && cold) this.#asking.coldStart(now - asker.askedAt)
    if (!lane || this.#closing) {
      // Its call was served or gave up meanwhile, and no other needs the lease.
      this.#output.toPlacement(partition, releaseFrame(lease, intact))
      return
    }
    const held = this.#leases.add(lease, lane, now)
    const [oldest] = lane.waiting
    lane.progressAt = now
    if (oldest && asker && oldest !== asker) this.#line.swap(oldest, asker)
    if (oldest) this.#serve(oldest, held, cold ? 'started' : 'granted', now)
    else this.#park(held, now)
  }

  #recalled(partition: number, sandboxId: string, id: LeaseId | undefined, ifIdle: boolean, now: number): void {
    const held = id && this.#leases.find(partition, sandboxId, id)
    if (!held) return
    if (!held.running) {
      takeFree(held)
      this.#release(held, intact)
      return
    }
    if (!ifIdle && !held.recalled) {
      this.#leases.markRecalled(held)
      this.#asking.balance(held.lane, now)
    }
    this.#output.toPlacement(partition, busyFrame(id, sandboxId, ifIdle))
  }

  #endWaiting(pending: PendingCall, outcome: InvokeOutcome): void {
    this.#asking.leave(pending)
    pending.state = 'ended'
    this.#dropLaneIfUnused(pending.lane)
    pending.done(outcome)
  }

  #serve(pending: PendingCall, held: Held, origin: LeaseOrigin, now: number): void {
    this.#asking.leave(pending)
    this.#run(pending, held, origin, now)
  }

  #run(pending: PendingCall, held: Held, origin: LeaseOrigin, now: number): void {
    const seq = this.#nextSeq()
    pending.state = 'running'
    this.#leases.started(held, pending, seq, now)
    pending.answer = this.#answerOf(pending, held, seq)
    this.#output.toWorker(held.door, held.lease, invokeFrame(seq, held.lease, pending, origin, now))
  }

  /** Credit for an invocation that is over would only reach another one's worker again. */
  #answerOf({ call }: PendingCall, held: Held, seq: bigint): AnswerWindow | undefined {
    if (!call.sink) return undefined
    return new AnswerWindow(call.sink, (bytes, discard) => {
      if (this.#leases.underRun(held.door, seq) === held)
        this.#output.toWorker(held.door, held.lease, creditFrame(seq, bytes, discard))
    })
  }

  /** What becomes of a lease whose invocation has ended. */
  #reuse(held: Held, sandboxLost: boolean, now: number): void {
    const { lane } = held
    if (sandboxLost || held.recalled || this.#closing) {
      this.#release(held, { sandboxLost, mayStillRun: false })
      this.#asking.balance(lane, now)
      return
    }
    const [next] = lane.waiting
    if (next) {
      this.#serve(next, held, 'reused', now)
      this.#asking.balance(lane, now)
    } else this.#park(held, now)
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
    const held = lane.free.pop()
    if (held) {
      this.#run(pending, held, 'held', now)
      return
    }
    this.#line.join(pending, 'front')
    this.#due(pending.deadline)
    // A call that has lost its turn once does not wait for those after it.
    this.#asking.ask(pending, now)
    this.#asking.balance(lane, now)
  }

  #release(held: Held, sandbox: typeof intact): void {
    this.#leases.remove(held)
    this.#output.toPlacement(held.lane.partition, releaseFrame(held.lease, sandbox))
    this.#dropLaneIfUnused(held.lane)
  }

  #endLate(lane: Lane, now: number): void {
    for (const pending of lane.waiting) {
      if (now < pending.deadline) {
        this.#due(pending.deadline)
        return
      }
      const detail = `no sandbox within ${lane.spec.timeoutMs + limits.initTimeoutMs} ms`
      this.#endWaiting(pending, platformError(detail, false))
    }
  }

  #giveBackIdle({ free }: Lane, now: number): void {
    // The first of the list has been idle for longest.
    while (free[0] && now >= free[0].idleSince + this.#config.idleLeaseMs) {
      const held = free.shift()
      if (held) this.#release(held, intact)
    }
    if (free[0]) this.#due(free[0].idleSince + this.#config.idleLeaseMs)
  }

  #dropLaneIfUnused(lane: Lane): void {
    if (lane.waiting.size > 0 || lane.held > 0) return
    if (lane.runMs !== undefined) this.#runTimes.remember(lane.spec.functionArn, lane.runMs)
    if (this.#lanes.get(lane.spec.sandboxKey) === lane) this.#lanes.delete(lane.spec.sandboxKey)
  }

  #nextSeq(): bigint {
    this.#seq += 1n
    return this.#seq
  }

  #due(at: number): void {
    if (at < this.#dueAt) this.#dueAt = at
  }
}
