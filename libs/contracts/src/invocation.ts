import type { ResolvedFunction } from './function.ts'
import type { AccountId, FunctionName } from './ids.ts'

export type InvocationSourceName = 'sync' | 'event' | 'mapping'

/** One call of a function, as the doors and queues hand it to the invoker. */
export interface InvokeCall {
  /** The same in every attempt of one event. */
  readonly requestId: string
  readonly target: ResolvedFunction
  readonly payload: Uint8Array
  readonly source: InvocationSourceName
  /** 1 for a first run. */
  readonly attempt: number
  readonly logTail: boolean
  readonly acceptedAtMs: number
  /** Base64 as received. */
  readonly clientContext?: string
  /** For a function that keeps tenants apart, and for no other. */
  readonly tenantId?: string
  /** X-Amzn-Trace-Id form. */
  readonly traceHeader?: string
  /** W3C form. */
  readonly traceparent?: string
  /** Takes the answer in parts if the function streams it. Absent: the answer is collected. */
  readonly sink?: AnswerSink
}

/** What is known of a streamed answer when it begins. */
export interface AnswerHead {
  /** As the function's runtime gave it. */
  readonly contentType: string
  readonly executedVersion: string
}

/**
 * Takes a streamed answer. All calls come ahead of the call's outcome, whose payload is then empty, or the error
 * document of a function that failed after it began. A function that answers whole never calls it.
 */
export interface AnswerSink {
  /** Called once, ahead of the first chunk. Must not throw. */
  begin(head: AnswerHead): void
  /**
   * `taken` is to be called once the chunk needs no memory here any more. Some 100 KiB may be here untaken; then the
   * function is held back. Must not throw.
   */
  write(chunk: Uint8Array, taken: () => void): void
}

export type ThrottleReason =
  | 'ConcurrentInvocationLimitExceeded'
  | 'ReservedFunctionConcurrentInvocationLimitExceeded'
  | 'FunctionInvocationRateLimitExceeded'
  | 'ReservedFunctionInvocationRateLimitExceeded'
  | 'CallerRateLimitExceeded'

/** What became of a call. */
export type InvokeOutcome =
  | {
      readonly kind: 'succeeded' | 'function-error'
      readonly payload: Uint8Array
      readonly executedVersion: string
      /** AWS error type of a function error, for example "Sandbox.Timedout"; "" on success. */
      readonly errorType: string
      /** Last 4 KB of the log when asked for. */
      readonly logTail: string
      readonly durationMs: number
      readonly initDurationMs: number
      /** A function error before the function ran: its environment could not be restored from its SnapStart. */
      readonly restoreFailed?: 'SnapStartException' | 'SnapStartTimeoutException'
    }
  /** Refused under a limit; nothing ran. */
  | { readonly kind: 'throttled'; readonly reason: ThrottleReason; readonly retryAfterSeconds: number }
  /** The platform failed. `mayHaveRun` is false when the function provably did not start. */
  | {
      readonly kind: 'platform-error'
      readonly detail: string
      readonly mayHaveRun: boolean
      /** No worker could ever run the function; `detail` may be shown to its owner. */
      readonly notOffered?: true
    }

/**
 * The one door to running code. Never rejects for an expected outcome. An abort stops waiting for a sandbox; a call
 * that already runs is left to finish, as on AWS, and its answer, or what of it is still to come, is dropped.
 */
export interface Invoker {
  invoke(call: InvokeCall, signal?: AbortSignal): Promise<InvokeOutcome>
}

/** One invocation attempt, written by the worker that ran it. Times in ms, sizes in MB. */
export interface InvocationRecord {
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly version: string
  readonly source: InvocationSourceName
  readonly attempt: number
  readonly workerId: string
  readonly sandboxId: string
  readonly startedAtMs: number
  readonly acceptedAtMs: number
  readonly durationMs: number
  readonly billedDurationMs: number
  readonly initDurationMs: number
  /** What restoring took ahead of it, with SnapStart; absent: nothing was restored. */
  readonly restoreDurationMs?: number
  readonly memoryMb: number
  readonly maxMemoryUsedMb: number
  readonly status: 'success' | 'error' | 'timeout' | 'failure'
  readonly errorType: string
  readonly coldStart: boolean
  readonly requestBytes: number
  readonly responseBytes: number
  /** How long the call waited for a lease. */
  readonly queuedMs?: number
  readonly leaseOrigin?: LeaseOrigin
}

/**
 * Where the lease of an invocation came from: idle at hand; had by another call, for whose end it waited; an idle
 * sandbox that placement had; or a sandbox that was started.
 */
export type LeaseOrigin = 'held' | 'reused' | 'granted' | 'started'

/** A refused call, written by the service that was refused. */
export interface ThrottleRecord {
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly reason: ThrottleReason
  readonly atMs: number
}

/** A call that was refused because it would have gone on with a loop of functions. */
export interface RecursionRecord {
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly atMs: number
}

/** How far a mapping is behind the end of its source, measured now and then by the poller that has it. */
export interface OffsetLagRecord {
  /** The mapping's id. */
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly lagRecords: number
  readonly atMs: number
}

/** The end of an accepted event; exactly one per event. Written by async-queue. */
export interface EventEndRecord {
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly end: 'succeeded' | 'dead-lettered' | 'aged-out' | 'cancelled'
  /** Success, RetriesExhausted, EventAgeExceeded, ZeroReservedConcurrency and the fabric's own. */
  readonly condition: string
  /** Why the function's own dead-letter target did not get the event; AWS counts these as DeadLetterErrors. */
  readonly deadLetterError?: string
  /** Why a destination did not get the invocation's record; AWS counts these as DestinationDeliveryFailures. */
  readonly destinationError?: string
  readonly attempts: number
  readonly acceptedAtMs: number
  readonly endedAtMs: number
}

/** What travels on `weft.record.*`, one JSON object a line. */
export type FabricRecord =
  | ({ readonly type: 'invocation' } & InvocationRecord)
  | ({ readonly type: 'throttle' } & ThrottleRecord)
  | ({ readonly type: 'recursion' } & RecursionRecord)
  | ({ readonly type: 'offset-lag' } & OffsetLagRecord)
  | ({ readonly type: 'event-end' } & EventEndRecord)

export interface LogLine {
  readonly atMs: number
  readonly message: string
}

/** Lines of one log stream, in order. What travels on `weft.log.*`, one JSON object a line. */
export interface LogBatch {
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly logGroup: string
  readonly logStream: string
  readonly requestId: string
  readonly lines: readonly LogLine[]
}

/**
 * Takes facts off the path: returns at once, sends in batches, keeps order per function. Facts are dropped, and the
 * number of dropped ones counted and told, only when the bus has been unreachable for so long that the buffer is full.
 */
export interface FactSink {
  record(record: FabricRecord): void
  log(batch: LogBatch): void
  /** Sends what is buffered; resolves when acknowledged. */
  flush(): Promise<void>
}
