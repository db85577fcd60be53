import type { AccountId, FunctionName, Result } from '@weft/contracts'

/** An event on its way into the store. */
export interface NewEvent {
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly qualifier?: string
  readonly payload: Uint8Array
  readonly acceptedAtMs: number
  readonly traceHeader?: string
  readonly traceparent?: string
  /** Equal ids of one account within two minutes are stored once; the request id when absent. */
  readonly deduplicationId?: string
}

/**
 * Takes events in. `ok` means JetStream has acknowledged the event on a store that syncs: from then on it runs at
 * least once or lands where the user can see it. A timeout is retried with the same message id before giving up as
 * 'unavailable' (the event may then be stored all the same).
 */
export interface EventAcceptor {
  accept(event: NewEvent): Promise<Result<{ readonly duplicate: boolean }, 'store-full' | 'unavailable'>>
}
