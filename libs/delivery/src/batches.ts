import { type BatchPolicy, emptyBatch, offer } from './batching.ts'
import type { SourceRecord } from './source-record.ts'

export interface BatchesPolicy extends BatchPolicy {
  /** Batches of one lane at a time: 1 where order matters. */
  readonly perLane: number
  /** Records of one batch must be equal in this; absent: they need not. */
  readonly boundaryOf?: (record: SourceRecord) => number
}

export interface ReadyBatch {
  readonly lane: string
  /** Empty: the lane's alarm went off. */
  readonly records: readonly SourceRecord[]
}

interface Lane {
  readonly waiting: { readonly record: SourceRecord; readonly atMs: number }[]
  running: number
  alarmAtMs: number | undefined
}

/**
 * Records on their way into batches, by lane: a lane's records leave in order. A batch is ready when it is full or its
 * window has passed since its first record came. Lanes take turns. Times are ms of one clock.
 */
export class Batches {
  readonly #policy: BatchesPolicy
  /** In order of their turn. */
  readonly #lanes = new Map<string, Lane>()
  #running = 0
  #buffered = 0
  #bufferedBytes = 0

  constructor(policy: BatchesPolicy) {
    this.#policy = policy
  }

  get running(): number {
    return this.#running
  }

  get buffered(): number {
    return this.#buffered
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  add(lane: string, record: SourceRecord, now: number): void {
    this.#lane(lane).waiting.push({ record, atMs: now })
    this.#buffered++
    this.#bufferedBytes += record.eventBytes
  }

  /** Wakes a lane without records at a time; undefined: no more. */
  setAlarm(lane: string, atMs: number | undefined): void {
    this.#lane(lane).alarmAtMs = atMs
  }

  /** The next batch that may run now, of at most `concurrency` in all; `finish` must be called for it. */
  take(concurrency: number, now: number): ReadyBatch | undefined {
    if (this.#running >= concurrency) return undefined
    for (const [name, lane] of this.#lanes) {
      if (lane.running >= this.#policy.perLane) continue
      const due = this.#dueAt(lane)
      if (due === undefined || due > now) continue
      const records = lane.waiting.splice(0, this.#countOf(lane)).map(({ record }) => record)
      if (records.length === 0) lane.alarmAtMs = undefined
      lane.running++
      this.#running++
      this.#buffered -= records.length
      this.#bufferedBytes -= records.reduce((sum, record) => sum + record.eventBytes, 0)
      this.#lanes.delete(name)
      this.#lanes.set(name, lane)
      return { lane: name, records }
    }
    return undefined
  }

  finish({ lane: name }: ReadyBatch): void {
    const lane = this.#lane(name)
    lane.running--
    this.#running--
    if (lane.running === 0 && lane.waiting.length === 0 && lane.alarmAtMs === undefined) this.#lanes.delete(name)
  }

  /** When the next batch of a lane with room becomes ready. */
  nextDueAt(): number | undefined {
    const dues = [...this.#lanes.values()]
      .filter((lane) => lane.running < this.#policy.perLane)
      .map((lane) => this.#dueAt(lane))
      .filter((due) => due !== undefined)
    return dues.length === 0 ? undefined : Math.min(...dues)
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name)
    if (known) return known
    const fresh: Lane = { waiting: [], running: 0, alarmAtMs: undefined }
    this.#lanes.set(name, fresh)
    return fresh
  }

  #dueAt(lane: Lane): number | undefined {
    const first = lane.waiting[0]
    if (!first) return lane.alarmAtMs
    return this.#isFull(lane) ? first.atMs : first.atMs + this.#policy.windowMs
  }

  #isFull(lane: Lane): boolean {
    const count = this.#countOf(lane)
    return count < lane.waiting.length || count >= this.#policy.size
  }

  /** Records at the head of a lane that fit into one batch. */
  #countOf({ waiting }: Lane): number {
    const { boundaryOf } = this.#policy
    let batch = emptyBatch
    for (const { record, atMs } of waiting) {
      const first = waiting[0]?.record
      if (boundaryOf && first && boundaryOf(record) !== boundaryOf(first)) break
      const taken = offer(batch, record.eventBytes, this.#policy, atMs)
      if (taken.kind === 'no-room') break
      batch = taken.batch
    }
    return batch.count
  }
}
