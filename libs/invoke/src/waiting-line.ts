import type { PendingCall } from './lanes.ts'

/** Calls that wait for a lease, lane by lane, and the acquires by which they ask placement for one. */
export class WaitingLine {
  /** By partition, then by the acquire's sequence number. */
  readonly #acquires = new Map<number, Map<bigint, PendingCall>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** At the end, or before all others when it is older than they. */
  join(pending: PendingCall, at: 'end' | 'front'): void {
    const { lane } = pending
    if (at === 'end') lane.waiting.add(pending)
    else lane.waiting = new Set([pending, ...lane.waiting])
    pending.state = 'waiting'
    this.#size += 1
  }

  /**
   * Takes a call out of the line. A patient call takes its acquire over, and with it its place at placement; where
   * there is none, the acquire is to be withdrawn. Returns it; 0 for nothing to withdraw.
   */
  leave(pending: PendingCall): bigint {
    const { lane, seq } = pending
    if (!lane.waiting.delete(pending)) return 0n
    this.#size -= 1
    lane.patient.delete(pending)
    if (seq === 0n) return 0n
    this.answered(lane.partition, seq)
    const [heir] = lane.patient
    if (!heir) return seq
    this.#inherit(heir, pending, seq)
    return 0n
  }

  asks(pending: PendingCall, seq: bigint, now: number): void {
    const { lane } = pending
    lane.patient.delete(pending)
    lane.asking += 1
    pending.seq = seq
    pending.inherited = false
    pending.askedAt = now
    this.#of(lane.partition).set(seq, pending)
  }

  /** Its acquire is withdrawn: it waits for what others get. Returns the acquire. */
  becomesPatient(pending: PendingCall): bigint {
    const { seq, lane } = pending
    this.answered(lane.partition, seq)
    lane.patient.add(pending)
    return seq
  }

  /** An acquire is no longer open. Returns the call that asked, if it still waits. */
  answered(partition: number, seq: bigint): PendingCall | undefined {
    const pending = this.#acquires.get(partition)?.get(seq)
    if (!pending) return undefined
    this.#acquires.get(partition)?.delete(seq)
    pending.lane.asking -= 1
    pending.seq = 0n
    return pending
  }

  asking(partition: number): Iterable<PendingCall> {
    return this.#acquires.get(partition)?.values() ?? []
  }

  /** Late binding: the oldest call is served by what another asked for, and that one takes over its place. */
  swap(oldest: PendingCall, asker: PendingCall): void {
    const { lane, seq } = oldest
    this.answered(lane.partition, seq)
    lane.patient.delete(oldest)
    if (seq === 0n) lane.patient.add(asker)
    else this.#inherit(asker, oldest, seq)
  }

  #inherit(heir: PendingCall, from: PendingCall, seq: bigint): void {
    this.asks(heir, seq, from.askedAt)
    heir.inherited = true
  }

  #of(partition: number): Map<bigint, PendingCall> {
    let acquires = this.#acquires.get(partition)
    if (!acquires) {
      acquires = new Map()
      this.#acquires.set(partition, acquires)
    }
    return acquires
  }
}
