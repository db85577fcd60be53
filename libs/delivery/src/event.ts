import type { AccountId, FunctionName } from '@weft/contracts'

/**
 * Why an event ended without success. The first three are AWS's. The last tells of a loop of functions, for which AWS
 * documents no condition; the others have no counterpart there because AWS refuses such events at its door, while a
 * subject takes what is published to it.
 */
export type DeadCondition =
  | 'RetriesExhausted'
  | 'EventAgeExceeded'
  | 'ZeroReservedConcurrency'
  | 'FunctionNotFound'
  | 'MalformedEvent'
  | 'ChecksumMismatch'
  | 'RecursiveInvocation'

/** How an event ended. */
export type EndCondition = 'Success' | 'Cancelled' | DeadCondition

/** Where what is known of an ended event goes: the function's dead-letter target, and a destination of its settings. */
export type TargetRole = 'dead-letter' | 'destination'

/** What the function answered in the last run. */
export interface RunResponse {
  readonly statusCode: number
  readonly executedVersion: string
  readonly functionError?: string
  readonly payload: Uint8Array
}

export interface LastError {
  /** HTTP-like: 200 for a function error, 429 throttled, 500 platform, 404, 400. */
  readonly code: number
  /** At most 1 KB. */
  readonly message: string
}

/** An accepted event between two attempts: what its message in the store says. Times in epoch ms. */
export interface QueuedEvent {
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly qualifier?: string
  readonly payload: Uint8Array
  readonly acceptedAtMs: number
  /** Whose event it is, of a function that keeps tenants apart. */
  readonly tenantId?: string
  /** Number of the next run, 1 for the first. A throttled run is none. */
  readonly attempt: number
  /** Runs that ended in a function error. */
  readonly functionErrors: number
  /** Throttles and platform errors since the last run. */
  readonly backoffs: number
  /** How often the event was put back; (requestId, turn) names one message. */
  readonly turn: number
  readonly notBeforeMs: number
  /** What becomes of it is written into the book of tracked invocations. */
  readonly tracked?: boolean
  readonly lastError?: LastError
  /** Set once the event must not run (again); only what is told of it is still to be delivered. */
  readonly ending?: EndCondition
  /** With an ending: the answer of the last run, where there was one. */
  readonly response?: RunResponse
  /** With an ending: targets that need nothing more. */
  readonly settledTargets?: readonly SettledTarget[]
  readonly traceHeader?: string
  readonly traceparent?: string
}

export interface SettledTarget {
  readonly role: TargetRole
  /** Why it will never have what it was to get; absent: it has it. */
  readonly error?: string
}

/** Where a message lies in the store. */
export interface MessagePlace {
  readonly stream: string
  /** As the server writes it; tells a stream from a later one of the same name. */
  readonly streamCreatedAt: string
  readonly sequence: number
  readonly storedAtMs: number
}

const messageBytes = 1_024

/** One line of at most 1 KB of UTF-8, fit for a header; cut at a character. */
export function errorLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  const line = text.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ')
  const bytes = new TextEncoder().encode(line)
  if (bytes.length <= messageBytes) return line
  return new TextDecoder('utf-8').decode(bytes.subarray(0, messageBytes)).replace(/\ufffd$/, '')
}
