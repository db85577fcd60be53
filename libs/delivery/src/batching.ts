/** When a batch closes: at `size` records, before its payload would exceed `bytes`, or `windowMs` after it opened. */
export interface BatchPolicy {
  readonly size: number
  readonly bytes: number
  /** 0: as soon as nothing more is at hand. */
  readonly windowMs: number
}

/** A batch that is being gathered; the caller keeps its records. Times are monotonic ms. */
export interface OpenBatch {
  readonly count: number
  readonly bytes: number
  /** Absent while it is empty: the window opens with the first record. */
  readonly openedAtMs?: number
}

export const emptyBatch: OpenBatch = { count: 0, bytes: 0 }

export type Offer =
  /** The record is in; `full` says that the batch must close now. */
  | { readonly kind: 'taken'; readonly batch: OpenBatch; readonly full: boolean }
  /** The record does not fit: close the batch and offer the record to the next one. */
  | { readonly kind: 'no-room' }

/** A record larger than the byte limit travels alone: the invocation refuses it and the mapping can give it up. */
export function offer(batch: OpenBatch, bytes: number, policy: BatchPolicy, now: number): Offer {
  if (batch.count >= policy.size || (batch.count > 0 && batch.bytes + bytes > policy.bytes)) return { kind: 'no-room' }
  const next: OpenBatch = {
    count: batch.count + 1,
    bytes: batch.bytes + bytes,
    openedAtMs: batch.openedAtMs ?? now,
  }
  return { kind: 'taken', batch: next, full: next.count >= policy.size || next.bytes >= policy.bytes }
}

/** Ms until the window of a batch ends, 0 when it has; undefined while it is empty. */
export const windowLeftMs = (batch: OpenBatch, policy: BatchPolicy, now: number): number | undefined =>
  batch.openedAtMs === undefined ? undefined : Math.max(0, batch.openedAtMs + policy.windowMs - now)
