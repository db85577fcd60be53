import type { FabricRecord } from '@weft/contracts'

/**
 * Upper bounds of the duration histogram, ms; a last bucket without bound follows. Spaced so that a warm call of a
 * millisecond and a timeout of fifteen minutes both fall where a quantile can be read.
 */
export const durationBoundsMs = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000,
] as const

export interface Distribution {
  readonly count: number
  readonly sumMs: number
  /** Infinity and -Infinity while empty would not survive JSON: 0 then. */
  readonly minMs: number
  readonly maxMs: number
  /** How many fell into each bucket, not cumulated; one longer than the bounds. */
  readonly buckets: readonly number[]
}

/** What AWS/Lambda metrics of one function and period are made of. Counts, unless the name has a unit. */
export interface Rollup {
  /** Runs, failed ones too; never throttles. */
  readonly invocations: number
  readonly errors: number
  readonly throttles: number
  readonly coldStarts: number
  readonly duration: Distribution
  readonly initDuration: Distribution
  readonly billedMs: number
  readonly billedGbSeconds: number
  readonly maxMemoryUsedMb: number
  /** Events, counted when they end, in the period in which they were accepted. */
  readonly asyncEventsReceived: number
  readonly asyncEventsDropped: number
  readonly deadLetterErrors: number
  readonly destinationDeliveryFailures: number
  readonly recursiveInvocationsDropped: number
  /** The last that was measured of each mapping on Kafka; rollups of earlier versions have none. */
  readonly offsetLag?: Readonly<Record<string, { readonly records: number; readonly atMs: number }>>
  /** From acceptance to the end of the event. */
  readonly asyncEventAge: Distribution
}

const emptyDistribution: Distribution = {
  count: 0,
  sumMs: 0,
  minMs: 0,
  maxMs: 0,
  buckets: new Array<number>(durationBoundsMs.length + 1).fill(0),
}

export const emptyRollup: Rollup = {
  invocations: 0,
  errors: 0,
  throttles: 0,
  coldStarts: 0,
  duration: emptyDistribution,
  initDuration: emptyDistribution,
  billedMs: 0,
  billedGbSeconds: 0,
  maxMemoryUsedMb: 0,
  asyncEventsReceived: 0,
  asyncEventsDropped: 0,
  deadLetterErrors: 0,
  destinationDeliveryFailures: 0,
  recursiveInvocationsDropped: 0,
  asyncEventAge: emptyDistribution,
}

function observe(d: Distribution, valueMs: number): Distribution {
  const found = durationBoundsMs.findIndex((bound) => valueMs <= bound)
  const bucket = found < 0 ? durationBoundsMs.length : found
  return {
    count: d.count + 1,
    sumMs: d.sumMs + valueMs,
    minMs: d.count === 0 ? valueMs : Math.min(d.minMs, valueMs),
    maxMs: d.count === 0 ? valueMs : Math.max(d.maxMs, valueMs),
    buckets: d.buckets.map((n, i) => (i === bucket ? n + 1 : n)),
  }
}

function mergeDistributions(a: Distribution, b: Distribution): Distribution {
  if (a.count === 0) return b
  if (b.count === 0) return a
  return {
    count: a.count + b.count,
    sumMs: a.sumMs + b.sumMs,
    minMs: Math.min(a.minMs, b.minMs),
    maxMs: Math.max(a.maxMs, b.maxMs),
    buckets: a.buckets.map((n, i) => n + (b.buckets[i] ?? 0)),
  }
}

export function addRecord(r: Rollup, record: FabricRecord): Rollup {
  switch (record.type) {
    case 'invocation':
      return {
        ...r,
        invocations: r.invocations + 1,
        errors: r.errors + (record.status === 'success' ? 0 : 1),
        coldStarts: r.coldStarts + (record.coldStart ? 1 : 0),
        duration: observe(r.duration, record.durationMs),
        initDuration: record.coldStart ? observe(r.initDuration, record.initDurationMs) : r.initDuration,
        billedMs: r.billedMs + record.billedDurationMs,
        billedGbSeconds: r.billedGbSeconds + (record.billedDurationMs / 1_000) * (record.memoryMb / 1_024),
        maxMemoryUsedMb: Math.max(r.maxMemoryUsedMb, record.maxMemoryUsedMb),
      }
    case 'throttle':
      return { ...r, throttles: r.throttles + 1 }
    case 'recursion':
      return { ...r, recursiveInvocationsDropped: r.recursiveInvocationsDropped + 1 }
    case 'offset-lag': {
      const measured = { [record.requestId]: { records: record.lagRecords, atMs: record.atMs } }
      return { ...r, offsetLag: newestLag(r.offsetLag, measured) }
    }
    case 'event-end':
      return {
        ...r,
        asyncEventsReceived: r.asyncEventsReceived + 1,
        asyncEventsDropped: r.asyncEventsDropped + (record.end === 'succeeded' ? 0 : 1),
        deadLetterErrors: r.deadLetterErrors + (record.deadLetterError === undefined ? 0 : 1),
        destinationDeliveryFailures: r.destinationDeliveryFailures + (record.destinationError === undefined ? 0 : 1),
        asyncEventAge: observe(r.asyncEventAge, Math.max(0, record.endedAtMs - record.acceptedAtMs)),
      }
  }
}

type OffsetLag = NonNullable<Rollup['offsetLag']>

/** Mappings of one function are few. */
function newestLag(a: OffsetLag = {}, b: OffsetLag = {}): OffsetLag {
  const newer = Object.entries(b).filter(([mapping, { atMs }]) => (a[mapping]?.atMs ?? 0) <= atMs)
  return { ...a, ...Object.fromEntries(newer) }
}

export function mergeRollups(a: Rollup, b: Rollup): Rollup {
  return {
    ...((a.offsetLag ?? b.offsetLag) && { offsetLag: newestLag(a.offsetLag, b.offsetLag) }),
    invocations: a.invocations + b.invocations,
    errors: a.errors + b.errors,
    throttles: a.throttles + b.throttles,
    coldStarts: a.coldStarts + b.coldStarts,
    duration: mergeDistributions(a.duration, b.duration),
    initDuration: mergeDistributions(a.initDuration, b.initDuration),
    billedMs: a.billedMs + b.billedMs,
    billedGbSeconds: a.billedGbSeconds + b.billedGbSeconds,
    maxMemoryUsedMb: Math.max(a.maxMemoryUsedMb, b.maxMemoryUsedMb),
    asyncEventsReceived: a.asyncEventsReceived + b.asyncEventsReceived,
    asyncEventsDropped: a.asyncEventsDropped + b.asyncEventsDropped,
    deadLetterErrors: a.deadLetterErrors + b.deadLetterErrors,
    destinationDeliveryFailures: a.destinationDeliveryFailures + b.destinationDeliveryFailures,
    recursiveInvocationsDropped: a.recursiveInvocationsDropped + b.recursiveInvocationsDropped,
    asyncEventAge: mergeDistributions(a.asyncEventAge, b.asyncEventAge),
  }
}

/** Epoch ms of the moment a record belongs to. */
export const momentOf = (record: FabricRecord): number => {
  switch (record.type) {
    case 'invocation':
      return record.startedAtMs
    case 'throttle':
    case 'recursion':
    case 'offset-lag':
      return record.atMs
    case 'event-end':
      return record.acceptedAtMs
  }
}
