import { type InvokeOutcome, limits } from '@weft/contracts'
import { type EndCondition, errorLine, type LastError, type QueuedEvent } from './event.ts'

/** How one function's events are retried. Durations in ms. */
export interface RetryPolicy {
  /** Runs after the first that end in a function error, 0 to 2. */
  readonly maximumRetryAttempts: number
  readonly maximumEventAgeMs: number
  /** Wait before the first, second, … retry of a function error; the last one repeats. */
  readonly retryDelaysMs: readonly number[]
  /** Waits after throttles and platform errors: doubling from the first to the most. */
  readonly backoffMs: { readonly first: number; readonly most: number }
  /** How long an unknown function is waited for after acceptance: the catalogue may lag behind the door. */
  readonly missingFunctionGraceMs: number
}

export const awsRetryPolicy: RetryPolicy = {
  maximumRetryAttempts: limits.async.maximumRetryAttempts,
  maximumEventAgeMs: limits.async.maximumEventAgeSeconds * 1_000,
  retryDelaysMs: limits.async.retryDelaysMs,
  backoffMs: limits.async.throttleBackoffMs,
  missingFunctionGraceMs: 10_000,
}

/** The part of a QueuedEvent that decisions look at. */
export type AttemptState = Pick<
  QueuedEvent,
  'acceptedAtMs' | 'attempt' | 'functionErrors' | 'backoffs' | 'turn' | 'notBeforeMs' | 'lastError' | 'ending'
>

/** What the catalogue says of the function right now. */
export type TargetState =
  | { readonly kind: 'missing'; readonly message: string }
  /** Being created: not yet able to run. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'ready'; readonly reservedConcurrency?: number }
  /** The function does not take such an event. */
  | { readonly kind: 'unfit'; readonly message: string }

export interface Ending {
  readonly condition: EndCondition
  /** Of a success: code 200 and no message. */
  readonly error: LastError
  /** Runs that started, throttled ones not counted. */
  readonly runs: number
}

export type BeforeRun =
  | { readonly kind: 'run' }
  /** Nothing has changed; look again after the delay. */
  | { readonly kind: 'wait'; readonly delayMs: number }
  | ({ readonly kind: 'end' } & Ending)

const catalogueLagMs = 1_000

export function beforeRun(state: AttemptState, target: TargetState, policy: RetryPolicy, now: number): BeforeRun {
  const end = (condition: EndCondition, error: LastError): BeforeRun => ({
    kind: 'end',
    condition,
    error,
    runs: state.attempt - 1,
  })
  if (state.ending) {
    if (now < state.notBeforeMs) return { kind: 'wait', delayMs: state.notBeforeMs - now }
    return end(state.ending, state.lastError ?? { code: 500, message: state.ending })
  }
  const ageMs = now - state.acceptedAtMs
  if (ageMs >= policy.maximumEventAgeMs)
    return end(
      'EventAgeExceeded',
      state.lastError ?? { code: 500, message: `The event is older than ${policy.maximumEventAgeMs / 1_000} seconds.` },
    )
  if (now < state.notBeforeMs) return { kind: 'wait', delayMs: state.notBeforeMs - now }
  if (target.kind === 'missing')
    return ageMs < policy.missingFunctionGraceMs
      ? { kind: 'wait', delayMs: Math.min(catalogueLagMs, policy.missingFunctionGraceMs - ageMs) }
      : end('FunctionNotFound', { code: 404, message: errorLine(target.message) })
  if (target.kind === 'unfit') return end('MalformedEvent', { code: 400, message: errorLine(target.message) })
  if (target.kind === 'pending') return { kind: 'wait', delayMs: catalogueLagMs }
  if (target.reservedConcurrency === 0)
    return end('ZeroReservedConcurrency', { code: 429, message: 'The reserved concurrency of the function is zero.' })
  return { kind: 'run' }
}

export type AfterRun = { readonly kind: 'again'; readonly next: AttemptState } | ({ readonly kind: 'end' } & Ending)

/** `error` describes the outcome. */
export function afterRun(
  state: AttemptState,
  outcome: InvokeOutcome,
  error: LastError,
  policy: RetryPolicy,
  now: number,
): AfterRun {
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'end', condition: 'Success', error, runs: state.attempt }
    case 'function-error': {
      const functionErrors = state.functionErrors + 1
      if (functionErrors > policy.maximumRetryAttempts)
        return { kind: 'end', condition: 'RetriesExhausted', error, runs: state.attempt }
      const delayMs = policy.retryDelaysMs[functionErrors - 1] ?? policy.retryDelaysMs.at(-1) ?? 0
      return again(state, { functionErrors, backoffs: 0, attempt: state.attempt + 1 }, delayMs, error, policy, now)
    }
    case 'throttled':
      return backOff(state, state.attempt, error, policy, now)
    case 'platform-error':
      return backOff(state, state.attempt + (outcome.mayHaveRun ? 1 : 0), error, policy, now)
  }
}

/** The event ended but what is told of it could not be delivered: keeps the ending and tries again later. */
export function endLater(state: AttemptState, ending: Ending, policy: RetryPolicy, now: number): AttemptState {
  return {
    ...state,
    ending: ending.condition,
    lastError: ending.error,
    attempt: ending.runs + 1,
    // Counting starts afresh: earlier back-offs were of runs.
    backoffs: state.ending ? state.backoffs + 1 : 1,
    turn: state.turn + 1,
    notBeforeMs: now + backOffDelayMs(state.ending ? state.backoffs : 0, policy),
  }
}

export const backOffDelayMs = (backoffs: number, { backoffMs }: Pick<RetryPolicy, 'backoffMs'>): number =>
  Math.min(backoffMs.most, backoffMs.first * 2 ** Math.min(backoffs, 52))

const backOff = (state: AttemptState, attempt: number, error: LastError, policy: RetryPolicy, now: number): AfterRun =>
  again(state, { backoffs: state.backoffs + 1, attempt }, backOffDelayMs(state.backoffs, policy), error, policy, now)

function again(
  state: AttemptState,
  change: Partial<AttemptState>,
  delayMs: number,
  lastError: LastError,
  policy: RetryPolicy,
  now: number,
): AfterRun {
  // No wait reaches beyond the end of the event's age: it ends then, on time, and not at the end of the wait.
  const notBeforeMs = Math.min(now + delayMs, state.acceptedAtMs + policy.maximumEventAgeMs)
  return { kind: 'again', next: { ...state, ...change, lastError, turn: state.turn + 1, notBeforeMs } }
}

/** The retry policy of a function with its own settings for asynchronous invocation. */
export const policyOf = (
  base: RetryPolicy,
  own: { readonly maximumRetryAttempts?: number; readonly maximumEventAgeSeconds?: number } | undefined,
): RetryPolicy => ({
  ...base,
  ...(own?.maximumRetryAttempts !== undefined && { maximumRetryAttempts: own.maximumRetryAttempts }),
  ...(own?.maximumEventAgeSeconds !== undefined && { maximumEventAgeMs: own.maximumEventAgeSeconds * 1_000 }),
})

/** What AWS tells of a failed run: code 200 and the function's own message, 429, or 500. */
export function describeFailure(outcome: InvokeOutcome): LastError {
  switch (outcome.kind) {
    case 'succeeded':
      return { code: 200, message: '' }
    case 'function-error':
      return { code: 200, message: errorLine(messageIn(outcome.payload) ?? outcome.errorType) }
    case 'throttled':
      return { code: 429, message: `Rate Exceeded. (${outcome.reason})` }
    case 'platform-error':
      return { code: 500, message: errorLine(outcome.detail) }
  }
}

function messageIn(payload: Uint8Array): string | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(payload)) as { errorMessage?: unknown } | null
    return typeof value?.errorMessage === 'string' ? value.errorMessage : undefined
  } catch {
    return undefined
  }
}
