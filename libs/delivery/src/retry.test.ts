import type { InvokeOutcome } from '@weft/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AttemptState,
  afterRun,
  awsRetryPolicy,
  beforeRun,
  describeFailure,
  endLater,
  policyOf,
  type TargetState,
} from './retry.ts'

const answered = { executedVersion: '$LATEST', logTail: '', durationMs: 1, initDurationMs: 0 }
const bytes = (text: string) => new TextEncoder().encode(text)
const success: InvokeOutcome = { ...answered, kind: 'succeeded', payload: bytes('1'), errorType: '' }
const functionError: InvokeOutcome = {
  ...answered,
  kind: 'function-error',
  payload: bytes('{"errorMessage":"no"}'),
  errorType: 'E',
}
const throttled: InvokeOutcome = {
  kind: 'throttled',
  reason: 'ConcurrentInvocationLimitExceeded',
  retryAfterSeconds: 1,
}
const lostWorker: InvokeOutcome = { kind: 'platform-error', detail: 'worker lost', mayHaveRun: true }
const noWorker: InvokeOutcome = { kind: 'platform-error', detail: 'no worker', mayHaveRun: false }

const fresh: AttemptState = { acceptedAtMs: 0, attempt: 1, functionErrors: 0, backoffs: 0, turn: 0, notBeforeMs: 0 }
const ready: TargetState = { kind: 'ready' }
const hourMs = 3_600_000

const run = (state: AttemptState, outcome: InvokeOutcome, now: number, policy = awsRetryPolicy) =>
  afterRun(state, outcome, describeFailure(outcome), policy, now)

describe('a function error', () => {
  it('is retried after one minute, then after two, then ends', () => {
    const first = run(fresh, functionError, 1_000)
    expect(first).toMatchObject({
      kind: 'again',
      next: { attempt: 2, functionErrors: 1, turn: 1, notBeforeMs: 61_000 },
    })
    if (first.kind !== 'again') return
    const second = run(first.next, functionError, 61_000)
    expect(second).toMatchObject({ kind: 'again', next: { attempt: 3, notBeforeMs: 181_000 } })
    if (second.kind !== 'again') return
    expect(run(second.next, functionError, 181_000)).toEqual({
      kind: 'end',
      condition: 'RetriesExhausted',
      error: { code: 200, message: 'no' },
      runs: 3,
    })
  })

  it('ends at once where the function wants no retries', () => {
    expect(run(fresh, functionError, 0, policyOf(awsRetryPolicy, { maximumRetryAttempts: 0 }))).toMatchObject({
      kind: 'end',
      runs: 1,
    })
  })

  it('waits no longer than the event may live', () => {
    const policy = policyOf(awsRetryPolicy, { maximumEventAgeSeconds: 60 })
    expect(run(fresh, functionError, 30_000, policy)).toMatchObject({ next: { notBeforeMs: 60_000 } })
  })
})

describe('throttles and platform errors', () => {
  it('back off from 1 s, doubling, to 5 min, and use up no retry', () => {
    let state = fresh
    const waits: number[] = []
    for (let n = 0; n < 11; n++) {
      const next = run(state, n % 2 ? noWorker : throttled, 0)
      if (next.kind !== 'again') throw new Error('ended')
      waits.push(next.next.notBeforeMs / 1_000)
      state = next.next
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
    expect(state).toMatchObject({ attempt: 1, functionErrors: 0 })
  })

  it('count a run that may have happened', () => {
    expect(run(fresh, lostWorker, 0)).toMatchObject({ next: { attempt: 2, functionErrors: 0 } })
  })

  it('after a function error begin again at 1 s', () => {
    const failed = run({ ...fresh, backoffs: 7 }, functionError, 0)
    expect(failed).toMatchObject({ next: { backoffs: 0 } })
  })
})

describe('before a run', () => {
  it('an event older than its age never runs', () => {
    expect(beforeRun(fresh, ready, awsRetryPolicy, 6 * hourMs - 1)).toEqual({ kind: 'run' })
    expect(beforeRun({ ...fresh, notBeforeMs: 7 * hourMs }, ready, awsRetryPolicy, 6 * hourMs)).toMatchObject({
      kind: 'end',
      condition: 'EventAgeExceeded',
      runs: 0,
    })
  })

  it('one that is not due waits for the rest of its time', () => {
    expect(beforeRun({ ...fresh, notBeforeMs: 61_000 }, ready, awsRetryPolicy, 60_000)).toEqual({
      kind: 'wait',
      delayMs: 1_000,
    })
  })

  it('reserved concurrency 0 ends it', () => {
    expect(beforeRun(fresh, { kind: 'ready', reservedConcurrency: 0 }, awsRetryPolicy, 0)).toMatchObject({
      condition: 'ZeroReservedConcurrency',
    })
  })

  it('what the function does not take ends it', () => {
    const unfit: TargetState = { kind: 'unfit', message: 'Add a valid tenant ID' }
    expect(beforeRun(fresh, unfit, awsRetryPolicy, 0)).toMatchObject({
      ...{ condition: 'MalformedEvent', error: { code: 400, message: 'Add a valid tenant ID' }, runs: 0 },
    })
  })

  it('an unknown function is waited for, because catalogues lag, but not for long', () => {
    const missing: TargetState = { kind: 'missing', message: 'Function not found: x' }
    expect(beforeRun(fresh, missing, awsRetryPolicy, 9_500)).toEqual({ kind: 'wait', delayMs: 500 })
    expect(beforeRun(fresh, missing, awsRetryPolicy, 10_000)).toMatchObject({ condition: 'FunctionNotFound' })
  })

  it('a dead letter that could not be delivered keeps its ending and its number of runs', () => {
    const ending = { condition: 'RetriesExhausted', error: { code: 200, message: 'no' }, runs: 3 } as const
    const later = endLater({ ...fresh, attempt: 3, functionErrors: 2, turn: 2 }, ending, awsRetryPolicy, 0)
    expect(later).toMatchObject({ turn: 3, notBeforeMs: 1_000, backoffs: 1 })
    expect(beforeRun(later, ready, awsRetryPolicy, 500)).toEqual({ kind: 'wait', delayMs: 500 })
    expect(beforeRun(later, ready, awsRetryPolicy, 7 * hourMs)).toEqual({ kind: 'end', ...ending })
    expect(endLater(later, ending, awsRetryPolicy, 0)).toMatchObject({ notBeforeMs: 2_000, backoffs: 2 })
  })
})

describe('any history', () => {
  const outcomes = fc.array(fc.constantFrom(success, functionError, throttled, lostWorker, noWorker), {
    maxLength: 200,
  })

  it('ends once, in time, with at most three function errors and strictly growing turns', () => {
    fc.assert(
      fc.property(
        outcomes,
        fc.integer({ min: 60, max: 21_600 }),
        fc.integer({ min: 0, max: 2 }),
        (history, age, retries) => {
          const policy = policyOf(awsRetryPolicy, { maximumEventAgeSeconds: age, maximumRetryAttempts: retries })
          let state = fresh
          let now = 0
          let errors = 0
          for (const outcome of history) {
            const before = beforeRun(state, ready, policy, now)
            if (before.kind === 'end') {
              expect(now).toBeGreaterThanOrEqual(age * 1_000)
              return
            }
            expect(before).toEqual({ kind: 'run' })
            if (outcome.kind === 'function-error') errors++
            const after = run(state, outcome, now, policy)
            if (after.kind === 'end') {
              if (after.condition === 'Success') return
              expect(errors).toBe(retries + 1)
              return
            }
            expect(after.next.turn).toBe(state.turn + 1)
            expect(after.next.functionErrors).toBe(errors)
            expect(after.next.notBeforeMs).toBeLessThanOrEqual(age * 1_000)
            expect(after.next.notBeforeMs - now).toBeLessThanOrEqual(300_000)
            state = after.next
            now = Math.max(now, state.notBeforeMs)
          }
        },
      ),
    )
  })
})
