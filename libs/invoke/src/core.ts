import { type InvokeCall, type InvokeOutcome, limits } from '@weft/contracts'
import {
  DenialReason,
  type DispatcherHello,
  type Lease,
  type LeaseGranted,
  type LeaseId,
  type PlacementToDispatcherFrame,
} from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { ResultFrame, RunResult } from '@weft/contracts/worker'
import { Asking } from './asking.ts'
import type { DispatcherConfig, DispatcherOutput } from './config.ts'
import { acquireFrame, busyFrame, releaseFrame } from './frames.ts'
import { LaneBook } from './lane-book.ts'
import { type Lane, type PendingCall, takeFree } from './lanes.ts'
import { LeaseBook } from './lease-book.ts'
import { outcomeOfDenial, platformError } from './outcome.ts'
import { intact, Runs } from './runs.ts'
import { WaitingLine } from './waiting-line.ts'

/**
 * The dispatcher's half of the lease protocol: which call runs under which lease. Events in, frames and outcomes out;
 * `now` is monotonic, ms. It holds no connection and no timer: the shell calls `tick` at `dueAt`.
 */
export class DispatcherCore {
  readonly #config: DispatcherConfig
  readonly #output: DispatcherOutput
  readonly #lanes: LaneBook
  readonly #leases = new LeaseBook()
  readonly #line = new WaitingLine()
  readonly #asking: Asking
  readonly #runs: Runs
  #seq = 0n
  #generation = 0n
  #closing = false
  #dueAt = Number.POSITIVE_INFINITY

  constructor(config: DispatcherConfig, output: DispatcherOutput, partitionOf: (accountId: string) => number) {
    this.#config = config
    this.#output = output
    this.#lanes = new LaneBook(partitionOf)
    const nextSeq = (): bigint => {
      this.#seq += 1n
      return this.#seq
    }
    const due = (at: number): void => this.#due(at)
    this.#asking = new Asking({
      line: this.#line,
      patienceMs: config.patienceMs,
      nextSeq,
      toPlacement: (partition, frame) => output.toPlacement(partition, frame),
      due,
    })
    this.#runs = new Runs({
      ...{ config, output, nextSeq, due },
      ...{ lanes: this.#lanes, leases: this.#leases, line: this.#line, asking: this.#asking },
    })
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
    for (const lane of this.#lanes.all()) if (lane.waiting.size > 0) found.add(lane.partition)
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
    const lane = this.#lanes.of(spec)
    if (this.#closing || this.#line.size >= this.#config.maxWaiting) {
      this.#lanes.dropIfUnused(lane)
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
    if (held) this.#runs.run(pending, held, 'held', now)
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
  workerFrame(door: string, frame: ResultFrame, now: number): void {
    this.#runs.frame(door, frame, now)
  }

  workerResult(door: string, result: RunResult, now: number): void {
    this.#runs.result(door, result, now)
  }

  /**
   * The connection to a worker is gone. `opened` is false when it never came about, so that nothing sent on it can have
   * started.
   */
  workerLost(door: string, opened: boolean, now: number): void {
    this.#runs.workerLost(door, opened, now)
  }

  tick(now: number): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const lane of this.#lanes.all()) {
      this.#endLate(lane, now)
      this.#asking.lookAt(lane, now)
      this.#runs.giveBackIdle(lane, now)
    }
  }

  /** Refuses new calls and those that wait, and gives idle leases back. What runs goes on. */
  close(): void {
    this.#closing = true
    this.#runs.close()
    for (const lane of this.#lanes.all()) {
      for (const pending of [...lane.waiting]) this.#endWaiting(pending, platformError('shutting down', false))
      for (const held of lane.free.splice(0)) this.#runs.release(held, intact)
    }
  }

  #granted(partition: number, { seq, cold }: LeaseGranted, lease: Lease, now: number): void {
    const lane = this.#lanes.find(lease.sandboxKey)
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
    if (oldest) this.#runs.serve(oldest, held, cold ? 'started' : 'granted', now)
    else this.#runs.park(held, now)
  }

  #recalled(partition: number, sandboxId: string, id: LeaseId | undefined, ifIdle: boolean, now: number): void {
    const held = id && this.#leases.find(partition, sandboxId, id)
    if (!held) return
    if (!held.running) {
      takeFree(held)
      this.#runs.release(held, intact)
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
    this.#lanes.dropIfUnused(pending.lane)
    pending.done(outcome)
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

  #due(at: number): void {
    if (at < this.#dueAt) this.#dueAt = at
  }
}
