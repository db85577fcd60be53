import type { Lease, LeaseId } from '@weft/contracts/placement'
import { doorOf, type Held, type Lane, type PendingCall } from './lanes.ts'

/** All that goes through one worker's invoke door. */
interface DoorLeases {
  /** By the sequence number of the run. */
  readonly inflight: Map<bigint, Held>
  readonly held: Set<Held>
}

/** The leases in the hands of this dispatcher, and what runs under them. */
export class LeaseBook {
  /** By partition, then by sandbox id. */
  readonly #partitions = new Map<number, Map<string, Held>>()
  readonly #doors = new Map<string, DoorLeases>()
  #running = 0

  get running(): number {
    return this.#running
  }

  of(partition: number): Lease[] {
    return Array.from(this.#partitions.get(partition)?.values() ?? [], ({ lease }) => lease)
  }

  /** The lease on that sandbox if it is the one meant. */
  find(partition: number, sandboxId: string, id: LeaseId): Held | undefined {
    const held = this.#partitions.get(partition)?.get(sandboxId)
    return held?.lease.id?.epoch === id.epoch && held.lease.id.number === id.number ? held : undefined
  }

  add(lease: Lease, lane: Lane, now: number): Held {
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
    let leases = this.#partitions.get(lane.partition)
    if (!leases) {
      leases = new Map()
      this.#partitions.set(lane.partition, leases)
    }
    leases.set(lease.sandboxId, held)
    let door = this.#doors.get(held.door)
    if (!door) {
      door = { inflight: new Map(), held: new Set() }
      this.#doors.set(held.door, door)
    }
    door.held.add(held)
    lane.keeping += 1
    lane.held += 1
    return held
  }

  remove(held: Held): void {
    const { lane } = held
    this.#partitions.get(lane.partition)?.delete(held.lease.sandboxId)
    const door = this.#doors.get(held.door)
    door?.held.delete(held)
    if (door?.held.size === 0) this.#doors.delete(held.door)
    this.markRecalled(held)
    lane.held -= 1
  }

  /** It serves no call after the one that runs. */
  markRecalled(held: Held): void {
    if (!held.recalled) held.lane.keeping -= 1
    held.recalled = true
  }

  started(held: Held, pending: PendingCall, seq: bigint, now: number): void {
    held.running = pending
    held.runSeq = seq
    held.startedAt = now
    this.#running += 1
    this.#doors.get(held.door)?.inflight.set(seq, held)
  }

  /** The lease under which a run goes on behind a door. */
  underRun(door: string, seq: bigint): Held | undefined {
    return this.#doors.get(door)?.inflight.get(seq)
  }

  /** The call that ran under the lease, which is idle from now on. */
  ended(held: Held): PendingCall | undefined {
    const pending = held.running
    if (!pending) return undefined
    held.running = undefined
    this.#running -= 1
    this.#doors.get(held.door)?.inflight.delete(held.runSeq)
    return pending
  }

  behind(door: string): readonly Held[] {
    return [...(this.#doors.get(door)?.held ?? [])]
  }
}
