import type { DispatcherFrame } from '@weft/contracts/placement'
import { leasesWanted, Patience } from './demand.ts'
import { acquireFrame, cancelFrame } from './frames.ts'
import type { Lane, PendingCall } from './lanes.ts'
import type { WaitingLine } from './waiting-line.ts'

export interface AskingParts {
  readonly line: WaitingLine
  readonly patienceMs: number
  readonly nextSeq: () => bigint
  readonly toPlacement: (partition: number, frame: DispatcherFrame) => void
  /** Something is to be looked at again then. */
  readonly due: (at: number) => void
}

/** Asks placement for as many leases as the calls of a lane need, and takes back what they no longer need. */
export class Asking {
  readonly #parts: AskingParts
  readonly #patience: Patience

  constructor(parts: AskingParts) {
    this.#parts = parts
    this.#patience = new Patience(parts.patienceMs)
  }

  /** A call waits from now on. */
  wait(pending: PendingCall, now: number): void {
    const { line, due } = this.#parts
    const { lane } = pending
    if (lane.waiting.size === 0) lane.atLeast = 0
    line.join(pending, 'end')
    due(pending.deadline)
    lane.patient.add(pending)
    this.balance(lane, now)
    if (pending.seq === 0n) due(now + this.#patience.ms)
  }

  ask(pending: PendingCall, now: number): void {
    const { line, nextSeq, toPlacement } = this.#parts
    line.asks(pending, nextSeq(), now)
    toPlacement(pending.lane.partition, acquireFrame(pending, now))
  }

  /** A call waits no longer; another takes its acquire over, or it is withdrawn. */
  leave(pending: PendingCall): void {
    const seq = this.#parts.line.leave(pending)
    if (seq !== 0n) this.#parts.toPlacement(pending.lane.partition, cancelFrame(seq))
  }

  /** A sandbox was started for an acquire. */
  coldStart(tookMs: number): void {
    this.#patience.coldStart(tookMs)
  }

  /** Brings what is asked for a lane into line with what its calls need. */
  balance(lane: Lane, now: number): void {
    if (lane.waiting.size === 0) return
    const { line, toPlacement, due } = this.#parts
    const wanted = leasesWanted(lane, this.#patience.ms)
    for (const pending of lane.patient) {
      if (lane.keeping + lane.asking >= wanted) break
      this.ask(pending, now)
    }
    // A margin, so that an estimate around a step does not ask and withdraw in turns.
    if (lane.asking === 0 || lane.keeping + lane.asking <= 2 * wanted) return
    for (const pending of [...lane.waiting].reverse()) {
      if (lane.asking === 0 || lane.keeping + lane.asking <= wanted) break
      if (pending.seq !== 0n) toPlacement(lane.partition, cancelFrame(line.becomesPatient(pending)))
    }
    due(now + this.#patience.ms)
  }

  /**
   * A call that has waited for a whole patience shows that the estimate was too low: one lease more, or twice as many when
   * nothing at all came free. Where none is at hand yet, another would not come sooner than those on their way. A line
   * that never ends shows nothing as long as it moves on: callers that ask again as soon as they have their answer
   * make one that does.
   */
  lookAt(lane: Lane, now: number): void {
    const [oldest] = lane.waiting
    if (!oldest || lane.patient.size === 0) return
    const { due } = this.#parts
    const at = Math.max(oldest.enqueuedAt, lane.raisedAt) + this.#patience.ms
    if (now < at) {
      due(at)
      return
    }
    const stalled = now >= lane.progressAt + this.#patience.ms
    const have = lane.keeping + lane.asking
    if (lane.keeping > 0 && (stalled || lane.asking === 0)) lane.atLeast = stalled ? 2 * have : have + 1
    lane.raisedAt = now
    this.balance(lane, now)
    if (lane.patient.size > 0) due(now + this.#patience.ms)
  }
}
