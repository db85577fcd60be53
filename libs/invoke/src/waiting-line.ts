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

  /** Takes a call out of the line. Returns the acquire to withdraw; 0 when there is none. */
  leave(pending: PendingCall): bigint {
    const { lane, seq } = pending
    if (!lane.waiting.delete(pending)) return 0n
    this.#size -= 1
    lane.patient.delete(pending)
    if (seq !== 0n) this.answered(lane.partition, seq)
    return seq
  }

  asks(pending: PendingCall, seq: bigint): void {
    pending.lane.patient.delete(pending)
    pending.seq = seq
    this.#of(pending.lane.partition).set(seq, pending)
  }

  /** Placement has answered an acquire. Returns the call that asked, if it still waits. */
  answered(partition: number, seq: bigint): PendingCall | undefined {
    const pending = this.#acquires.get(partition)?.get(seq)
    if (!pending) return undefined
    this.#acquires.get(partition)?.delete(seq)
    pending.seq = 0n
    return pending
  }

  asking(partition: number): Iterable<PendingCall> {
    return this.#acquires.get(partition)?.values() ?? []
  }

  /**
   * Late binding: the oldest call is served by what another asked for, and that one takes over its place at placement,
   * or waits patiently if there was none.
   */
  swap(oldest: PendingCall, asker: PendingCall): void {
    const { lane, seq } = oldest
    oldest.seq = 0n
    lane.patient.delete(oldest)
    if (seq === 0n) lane.patient.add(asker)
    else this.asks(asker, seq)
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
