import type { AnswerSink, AwsError, Result } from '@weft/contracts'
import type { Principal } from '../doors/door.ts'
import type { Tracking } from './track-call.ts'

/** What every operation knows of the call that asked for it, whichever door it came through. */
export interface CallContext {
  readonly principal: Principal
  /** UUID the caller sees; the request id of an invocation. */
  readonly requestId: string
  /** Aborts when the caller has gone: waiting stops, work that has begun is left to finish. */
  readonly signal?: AbortSignal
  /** Address the call came from; policies may ask for it. */
  readonly sourceIp?: string
}

/** An operation as a plain function; it rejects only for bugs and broken I/O. */
export type Operation<Input, Output> = (context: CallContext, input: Input) => Promise<Result<Output, AwsError>>

/** A call of a function. */
export interface InvokeInput {
  /** Name, name:qualifier, partial ARN or full ARN. */
  readonly functionName: string
  readonly qualifier?: string
  /** JSON as received; empty reaches the function as `{}`. */
  readonly payload: Uint8Array
  readonly invocationType: 'RequestResponse' | 'Event' | 'DryRun'
  readonly logTail: boolean
  /** Base64 as received. */
  readonly clientContext?: string
  /** For a function that keeps tenants apart, and for no other. */
  readonly tenantId?: string
  /** X-Amzn-Trace-Id form. */
  readonly traceHeader?: string
  /** W3C form. */
  readonly traceparent?: string
  /** Asks for one run per key, or for the result to be kept. */
  readonly tracking?: Tracking
  /** Takes the answer in parts if the function streams it; the payload of the output is then empty. */
  readonly sink?: AnswerSink
}

export type InvokeOutput =
  | {
      readonly kind: 'answered'
      readonly payload: Uint8Array
      readonly executedVersion: string
      /** The function failed; the payload tells how. */
      readonly functionError?: 'Unhandled'
      /** Last 4 KB of the log as text, when asked for. */
      readonly logTail?: string
      /** Of the invocation that the answer is of; absent: the call's own. */
      readonly requestId?: string
    }
  /** Event: durably stored, will run. */
  | { readonly kind: 'accepted'; readonly requestId?: string }
  /** DryRun: the call would be allowed. */
  | { readonly kind: 'dry-run' }

export interface PublishInput {
  /** Name, name:qualifier, partial ARN or full ARN. */
  readonly functionName: string
  readonly qualifier?: string
  /** JSON, up to 1 MiB; empty reaches the function as `{}`. */
  readonly payload: Uint8Array
  /** For a function that keeps tenants apart, and for no other. */
  readonly tenantId?: string
  readonly traceHeader?: string
  readonly traceparent?: string
  /** Equal ids of one account within two minutes are stored once. */
  readonly deduplicationId?: string
}

export interface PublishOutput {
  readonly requestId: string
  readonly duplicate: boolean
}
