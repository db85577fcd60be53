import { type EventSourceMapping, limits } from '@weft/contracts'
import {
  Batches,
  type BatchesPolicy,
  compileFilters,
  type ReadyBatch,
  type RecordFilter,
  recordBytesWithin,
  type SourceRecord,
  windowOf,
} from '@weft/delivery'
import type { Timer } from '@weft/platform'
import { type BatchContext, settle } from './batch-context.ts'
import { laneOf } from './lane-of.ts'
import { queueConcurrency } from './queue-concurrency.ts'
import { plainBatch, settleStreamBatch } from './settle-batch.ts'
import { settleQueueBatch } from './settle-queue-batch.ts'
import { WindowLane } from './window-lane.ts'

/**
 * Records that are read ahead of those that run, at most: batches of one lane, of each of several lanes, and records of
 * groups, so that a lane or group which stands still does not soon hold up the others. Together not more than the bytes.
 */
const ahead = { batches: 4, laneBatches: 10, groupRecords: 2_000 } as const
const bytesAhead = 32 * 1024 * 1024

export interface RunSourceOptions extends BatchContext {
  /** How long one look for new records waits, ms. */
  readonly readWaitMs: number
}

/**
 * Runs batches of an open source until `leaving` aborts; what runs then is still settled. Rejects when the source is lost:
 * open it again.
 */
export async function runSource(options: RunSourceOptions): Promise<void> {
  const failed = new AbortController()
  const leaving = AbortSignal.any([options.leaving, failed.signal])
  const runner = new SourceRunner({ ...options, leaving }, (error) => failed.abort(error))
  try {
    await runner.read()
  } catch (error) {
    failed.abort(error)
  }
  await runner.ended()
  if (failed.signal.aborted) throw failed.signal.reason
}

class SourceRunner {
  readonly #options: RunSourceOptions
  readonly #fail: (error: unknown) => void
  readonly #batches: Batches
  readonly #filter: RecordFilter | undefined
  readonly #windows = new Map<string, WindowLane>()
  readonly #startedAtMs: number
  #timer: Timer | undefined
  #waiters: (() => void)[] = []

  constructor(options: RunSourceOptions, fail: (error: unknown) => void) {
    this.#options = options
    this.#fail = fail
    this.#batches = new Batches(policyOf(options))
    this.#filter = filterOf(options.mapping)
    this.#startedAtMs = options.clock.monotonic()
    options.leaving.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /** Reads records into batches until leaving. */
  async read(): Promise<void> {
    const { source, leaving, readWaitMs } = this.#options
    const most = mostAhead(this.#options)
    while (!leaving.aborted) {
      const room = this.#batches.bufferedBytes >= bytesAhead ? 0 : most - this.#batches.buffered
      if (room <= 0) {
        await this.#change()
        continue
      }
      const records = await source.read(room, readWaitMs, leaving)
      if (leaving.aborted) return
      await this.#take(records)
    }
  }

  /** Resolves when nothing runs any more. */
  async ended(): Promise<void> {
    this.#timer?.cancel()
    while (this.#batches.running > 0) await this.#change()
    this.#timer?.cancel()
  }

  async #take(records: readonly SourceRecord[]): Promise<void> {
    const filter = this.#filter
    const wanted = filter ? records.filter((record) => filter.passes(record.view)) : records
    if (filter && wanted.length < records.length) {
      const kept = new Set(wanted)
      await settle(
        this.#options,
        records.filter((record) => !kept.has(record)),
      )
    }
    const now = this.#options.clock.monotonic()
    for (const record of wanted) this.#batches.add(laneOf(this.#options, record), record, now)
    this.#pump()
  }

  /** Starts every batch that may run, and wakes for the next that will. */
  #pump(): void {
    const { clock, leaving } = this.#options
    this.#timer?.cancel()
    if (leaving.aborted) return
    for (;;) {
      const batch = this.#batches.take(this.#concurrency(), clock.monotonic())
      if (!batch) break
      void this.#run(batch)
    }
    const dueAt = this.#batches.nextDueAt()
    if (dueAt !== undefined && this.#batches.running < this.#concurrency())
      this.#timer = clock.schedule(Math.max(1, dueAt - clock.monotonic()), () => this.#pump())
  }

  async #run(batch: ReadyBatch): Promise<void> {
    try {
      await this.#carry(batch)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#batches.finish(batch)
      this.#wake()
      this.#pump()
    }
  }

  async #carry({ lane, records }: ReadyBatch): Promise<void> {
    const options = this.#options
    const { source, mapping } = options
    if (source.order !== 'ordered') return settleQueueBatch(options, records)
    if (mapping.tumblingWindowMs === undefined) return settleStreamBatch(options, plainBatch(options, records))
    const windows = this.#windows.get(lane) ?? new WindowLane(options, mapping.tumblingWindowMs)
    this.#windows.set(lane, windows)
    await windows.run(records)
    const { endsAtMs } = windows
    const { clock } = options
    this.#batches.setAlarm(lane, endsAtMs && clock.monotonic() + Math.max(0, endsAtMs - clock.now()))
  }

  #concurrency(): number {
    const { source, mapping, clock } = this.#options
    if (source.order === 'ordered') return mapping.parallelizationFactor ?? 1
    return queueConcurrency(clock.monotonic() - this.#startedAtMs, mapping)
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve))
  }
}

function mostAhead({ mapping, source }: BatchContext): number {
  if (source.order === 'grouped') return ahead.groupRecords
  const lanes = source.order === 'ordered' ? (mapping.parallelizationFactor ?? 1) : 1
  return mapping.batchSize * (lanes === 1 ? ahead.batches : ahead.laneBatches * lanes)
}

function policyOf({ mapping, source }: BatchContext): BatchesPolicy {
  const { tumblingWindowMs } = mapping
  return {
    size: mapping.batchSize,
    bytes: recordBytesWithin(limits.mapping.batchBytes),
    windowMs: mapping.maximumBatchingWindowMs,
    perLane: source.order === 'unordered' ? Number.POSITIVE_INFINITY : 1,
    ...(tumblingWindowMs !== undefined && {
      boundaryOf: (record: SourceRecord) => windowOf(record.storedAtMs, tumblingWindowMs).startMs,
    }),
  }
}

function filterOf(mapping: EventSourceMapping): RecordFilter | undefined {
  if (!mapping.filters) return undefined
  const compiled = compileFilters(mapping.filters)
  // They were compiled before they were stored.
  if (!compiled.ok) throw new Error(`mapping ${mapping.uuid}: ${compiled.error}`)
  return compiled.value
}
