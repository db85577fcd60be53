import type { LeaseOrigin } from '@weft/contracts'
import { type ResultFrame, type RunResult, RunStatus } from '@weft/contracts/worker'
import { AnswerWindow } from './answer-window.ts'
import type { Asking } from './asking.ts'
import type { DispatcherConfig, DispatcherOutput } from './config.ts'
import { unhindered } from './demand.ts'
import { creditFrame, invokeFrame, releaseFrame } from './frames.ts'
import type { LaneBook } from './lane-book.ts'
import { type Held, type Lane, type PendingCall, takeFree } from './lanes.ts'
import type { LeaseBook } from './lease-book.ts'
import { outcomeOfResult, platformError } from './outcome.ts'
import type { WaitingLine } from './waiting-line.ts'

export interface RunsParts {
  readonly config: Pick<DispatcherConfig, 'idleLeaseMs' | 'maxNotStarted'>
  readonly output: DispatcherOutput
  readonly lanes: LaneBook
  readonly leases: LeaseBook
  readonly line: WaitingLine
  readonly asking: Asking
  readonly nextSeq: () => bigint
  /** Something is to be looked at again then. */
  readonly due: (at: number) => void
}

/** What is known of the sandbox when its lease is given back. */
export const intact = { sandboxLost: false, mayStillRun: false }

/** Puts calls on leases, and decides what becomes of both when a run ends. */
export class Runs {
  readonly #parts: RunsParts
  #closing = false

  constructor(parts: RunsParts) {
    this.#parts = parts
  }

  /** From now on leases that come free are given back. */
  close(): void {
    this.#closing = true
  }

  /** A call that waits gets a lease. */
  serve(pending: PendingCall, held: Held, origin: LeaseOrigin, now: number): void {
    this.#parts.asking.leave(pending)
    this.run(pending, held, origin, now)
  }

  run(pending: PendingCall, held: Held, origin: LeaseOrigin, now: number): void {
    const { leases, output, nextSeq } = this.#parts
    const seq = nextSeq()
    pending.state = 'running'
    leases.started(held, pending, seq, now)
    pending.answer = this.#answerOf(pending, held, seq)
    output.toWorker(held.door, held.lease, invokeFrame(seq, held.lease, pending, origin, now))
  }

  /** Nobody waits for the lease: it is kept for a while. */
  park(held: Held, now: number): void {
    held.idleSince = now
    held.lane.free.push(held)
    this.#parts.due(now + this.#parts.config.idleLeaseMs)
  }

  release(held: Held, sandbox: typeof intact): void {
    const { leases, output, lanes } = this.#parts
    leases.remove(held)
    output.toPlacement(held.lane.partition, releaseFrame(held.lease, sandbox))
    lanes.dropIfUnused(held.lane)
  }

  giveBackIdle({ free }: Lane, now: number): void {
    const { idleLeaseMs } = this.#parts.config
    // The first of the list has been idle for longest.
    while (free[0] && now >= free[0].idleSince + idleLeaseMs) {
      const held = free.shift()
      if (held) this.release(held, intact)
    }
    if (free[0]) this.#parts.due(free[0].idleSince + idleLeaseMs)
  }

  /** A frame from the worker behind a door. */
  frame(door: string, { frame }: ResultFrame, now: number): void {
    if (frame?.$case === 'result') this.result(door, frame.value, now)
    else if (frame) {
      const held = this.#parts.leases.underRun(door, frame.value.seq)
      const answer = held?.running?.answer
      if (frame.$case === 'chunk') answer?.chunk(frame.value.data)
      else if (held) answer?.begin({ contentType: frame.value.contentType, executedVersion: held.lane.spec.version })
    }
  }

  result(door: string, result: RunResult, now: number): void {
    const { leases } = this.#parts
    const held = leases.underRun(door, result.seq)
    const pending = held && leases.ended(held)
    if (!pending) return
    if (result.status === RunStatus.RUN_STATUS_NOT_STARTED) {
      this.release(held, { sandboxLost: result.sandboxLost, mayStillRun: false })
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
    const { leases, asking } = this.#parts
    for (const held of leases.behind(door)) {
      const pending = leases.ended(held)
      if (!pending) takeFree(held)
      this.release(held, { sandboxLost: true, mayStillRun: pending !== undefined && opened })
      if (!pending) continue
      if (!opened) this.#retry(pending, 'the worker could not be reached', now)
      else {
        pending.state = 'ended'
        pending.done(platformError('the worker was lost during the invocation', true))
        asking.balance(held.lane, now)
      }
    }
  }

  /** Credit for an invocation that is over would only reach another one's worker again. */
  #answerOf({ call }: PendingCall, held: Held, seq: bigint): AnswerWindow | undefined {
    if (!call.sink) return undefined
    const { leases, output } = this.#parts
    return new AnswerWindow(call.sink, (bytes, discard) => {
      if (leases.underRun(held.door, seq) === held)
        output.toWorker(held.door, held.lease, creditFrame(seq, bytes, discard))
    })
  }

  /** What becomes of a lease whose invocation has ended. */
  #reuse(held: Held, sandboxLost: boolean, now: number): void {
    const { lane } = held
    const { asking } = this.#parts
    if (sandboxLost || held.recalled || this.#closing) {
      this.release(held, { sandboxLost, mayStillRun: false })
      asking.balance(lane, now)
      return
    }
    const [next] = lane.waiting
    if (next) {
      this.serve(next, held, 'reused', now)
      asking.balance(lane, now)
    } else this.park(held, now)
  }

  #retry(pending: PendingCall, detail: string, now: number): void {
    const { config, lanes, line, asking, due } = this.#parts
    pending.notStarted += 1
    if (pending.notStarted > config.maxNotStarted || this.#closing || now >= pending.deadline) {
      pending.state = 'ended'
      lanes.dropIfUnused(pending.lane)
      pending.done(platformError(detail, false))
      return
    }
    const { lane } = pending
    lanes.keep(lane)
    const held = lane.free.pop()
    if (held) {
      this.run(pending, held, 'held', now)
      return
    }
    line.join(pending, 'front')
    due(pending.deadline)
    // A call that has lost its turn once does not wait for those after it.
    asking.ask(pending, now)
    asking.balance(lane, now)
  }
}
