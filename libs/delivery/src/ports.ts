import type { AccountId, EventEndRecord, EventSourceMapping, FunctionName, Result } from '@weft/contracts'
import type { DeadBatch } from './dead-batch.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { QueuedEvent } from './event.ts'
import type { EventFrame, SourceRecord } from './source-record.ts'

/** An event on its way into the store. */
export interface NewEvent {
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly qualifier?: string
  readonly payload: Uint8Array
  readonly acceptedAtMs: number
  readonly tenantId?: string
  readonly traceHeader?: string
  readonly traceparent?: string
  /** Equal ids of one account within two minutes are stored once; the request id when absent. */
  readonly deduplicationId?: string
  /** Its invocation is in the book already. */
  readonly tracked?: boolean
}

/**
 * Takes events in. `ok` means JetStream has acknowledged the event on a store that syncs: from then on it runs at
 * least once or lands where the user can see it. A timeout is retried with the same message id before giving up as
 * 'unavailable' (the event may then be stored all the same).
 */
export interface EventAcceptor {
  accept(event: NewEvent): Promise<Result<{ readonly duplicate: boolean }, 'store-full' | 'unavailable'>>
}

/** How an event leaves the queue, or returns to it. */
export type Settlement =
  /** Terminal: it succeeded. */
  | { readonly kind: 'done'; readonly end: EventEndRecord }
  /** Terminal: it is kept as a dead letter. */
  | { readonly kind: 'dead'; readonly letter: DeadLetter; readonly end: EventEndRecord }
  /** It was another delivery of what has ended already: nothing is written. */
  | { readonly kind: 'duplicate' }
  /** It waits for its next attempt. */
  | { readonly kind: 'again'; readonly event: QueuedEvent }

/**
 * One delivery of an accepted event. The event stays in the store until the delivery is settled; a delivery that is
 * neither settled nor extended for `holdMs` is taken back and delivered again, here or elsewhere.
 */
export interface EventDelivery {
  readonly event: QueuedEvent
  /** It was delivered before, so an earlier delivery may have run it: a duplicate run, to be counted. */
  readonly redelivered: boolean
  /**
   * False as soon as another may have been given the event. From then on this delivery must write nothing; once false
   * it stays false.
   */
  held(): boolean
  /** Keeps the delivery for another `holdMs`. Never rejects: without an answer the hold runs out by itself. */
  extend(): Promise<void>
  /**
   * Writes the settlement durably and then removes the event. Idempotent: every write carries a message id, so after a
   * rejection (the bus is away, the store is full) the same settlement may be tried again. 'lost': not held any more;
   * nothing more was written.
   */
  settle(settlement: Settlement): Promise<'settled' | 'lost'>
  /** Gives the event back; it is delivered again after the delay, or earlier if the bus restarts. */
  release(delayMs: number): void
}

/** Where the events of one account come from: fresh ones, or those that wait for another attempt. */
export interface EventLane extends AsyncDisposable {
  readonly name: string
  /**
   * Up to `most` deliveries, as soon as there is one; empty after some seconds without any, or when aborted. Rejects when
   * the bus is unreachable or the source is missing; a missing consumer is made again by the next call. One call at a time.
   */
  pull(most: number, signal: AbortSignal): Promise<readonly EventDelivery[]>
}

export interface EventInbox {
  /** How long a delivery is held without an extension, ms. */
  readonly holdMs: number
  lanes(account: AccountId): readonly EventLane[]
}

/** Sources of mappings, and their positions in them. */
export interface MappingSources {
  /** How long records are held without an extension, ms. */
  readonly holdMs: number
  /** Whether the source is read in parts, each under a lease of its own. */
  isSharded(mapping: EventSourceMapping): boolean
  /**
   * The parts of a source that are read apart, each under a lease of its own; one "" where it is a whole. The error is a
   * sentence for LastProcessingResult. Rejects when the source cannot be reached.
   */
  shards(mapping: EventSourceMapping): Promise<Result<readonly string[], string>>
  /**
   * Opens a shard at its checkpoint, or at the mapping's starting position the first time. Records that an earlier reader
   * left unsettled come again. The error is a sentence for LastProcessingResult. Rejects when the source is away.
   */
  open(mapping: EventSourceMapping, shard: string): Promise<Result<MappingSource, string>>
  /** Forgets the mapping's position. Succeeds when there is none. */
  remove(mapping: EventSourceMapping): Promise<void>
  /** How many records the mapping is behind the end of its source; undefined where that cannot be told. Never rejects. */
  lag?(mapping: EventSourceMapping): Promise<number | undefined>
}

/**
 * How records are handed to the function. `ordered`: those of a lane one batch after another, and a failing batch holds
 * its lane up. `grouped`: the same per order key (a FIFO queue's message group). `unordered`: as many batches at a time as
 * allowed, and what fails comes again later.
 */
export type SourceOrder = 'ordered' | 'grouped' | 'unordered'

/**
 * One reader's view of a shard. An ordered source hands out records in order, without a gap; when that cannot be kept it
 * is lost.
 */
export interface MappingSource extends AsyncDisposable {
  readonly order: SourceOrder
  /** Tells the source from a later one of the same name; part of the request ids of batches. */
  readonly incarnation: string
  readonly frame: EventFrame
  /** What is kept of batches that were given up: `JetStreamBatchInfo`, `KinesisBatchInfo`, … */
  readonly batchInfo: string
  /** Its members, where they are not those of Kinesis. */
  describeBatch?(records: readonly SourceRecord[]): Readonly<Record<string, unknown>>
  /** Unordered and grouped: how long a message that failed stays away, ms. */
  readonly visibilityMs: number
  /** Up to `most` records as soon as there is one; none after `waitMs`. Rejects when the source is lost: open it again. */
  read(most: number, waitMs: number, signal: AbortSignal): Promise<readonly SourceRecord[]>
  /** False once an unsettled record may be handed out again: stop working on it and open the source again. */
  held(): boolean
  /** Keeps the unsettled records for another `holdMs`. Never rejects. */
  extend(): Promise<void>
  /** Settles records for good. Rejects when that is not certain. Ordered: the position moves over what is settled. */
  settle(records: readonly SourceRecord[]): Promise<void>
  /** Unordered: has a record delivered again after the delay. Never rejects. */
  giveBack(record: SourceRecord, delayMs: number): void
}

/** How far the shards of mappings were read, for sources that do not keep it themselves. Only who has a shard writes. */
export interface PositionBook {
  read(mapping: EventSourceMapping, shard: string): Promise<string | undefined>
  /** Resolves when it is durable. */
  write(mapping: EventSourceMapping, shard: string, position: string): Promise<void>
  /** Forgets all of a mapping. */
  remove(mapping: EventSourceMapping): Promise<void>
}

/** Keeps what is known of records that were given up where the user can see it. Idempotent by message id. */
export interface DeadBatches {
  keep(mapping: EventSourceMapping, dead: DeadBatch): Promise<void>
}

export interface MappingLease {
  /** `<account>.<uuid>` of the mapping. */
  readonly key: string
  /** The store's revision, for compare-and-set. */
  readonly revision: number
}

/** The right to run a mapping: at most one holder at a time, as long as holders stop `ttlMs` after their last renewal. */
export interface MappingLeases {
  readonly ttlMs: number
  acquire(key: string): Promise<Result<MappingLease, 'held'>>
  renew(lease: MappingLease): Promise<Result<MappingLease, 'lost'>>
  /** Lets another acquire at once. Never rejects: without an answer the lease expires. */
  release(lease: MappingLease): Promise<void>
}
