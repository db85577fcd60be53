import { backOffDelayMs } from './retry.ts'

/** How a mapping treats a batch that fails. */
export interface BatchFatePolicy {
  /** Retries after function errors; -1: until success or age. Throttles and platform errors never count. */
  readonly maximumRetryAttempts: number
  /** -1: no limit. */
  readonly maximumRecordAgeMs: number
  readonly bisect: boolean
  readonly backoffMs: { readonly first: number; readonly most: number }
}

/** A run of records [from, to) of a batch that is invoked as one, and how often it failed. */
export interface BatchRange {
  readonly from: number
  readonly to: number
  /** Runs that ended in a function error. */
  readonly failures: number
}

/** A batch on its way: the ranges still to be settled, in order; everything before the first of them is settled. */
export interface BatchProgress {
  readonly ranges: readonly BatchRange[]
  /** Failures of any kind in a row; they lengthen the wait. */
  readonly backoffs: number
}

/** The last is no condition of AWS's: records that go round in a loop of functions. */
export type GiveUpCondition = 'RetryAttemptsExhausted' | 'RecordAgeExceeded' | 'RecursiveInvocation'

export type BatchStep =
  /** Invoke the function with this range. */
  | { readonly kind: 'invoke'; readonly range: BatchRange }
  /** Record the range as given up, then go on with `next`. */
  | {
      readonly kind: 'give-up'
      readonly range: BatchRange
      readonly condition: GiveUpCondition
      readonly next: BatchProgress
    }
  /** Everything is settled: checkpoint the batch. */
  | { readonly kind: 'settled' }

export type BatchOutcome =
  | { readonly kind: 'succeeded' }
  /** Records before `index` (of the batch) succeeded. */
  | { readonly kind: 'partly'; readonly index: number }
  | { readonly kind: 'function-error' }
  /** Throttled or a platform error. */
  | { readonly kind: 'not-run' }

export const newBatch = (size: number): BatchProgress => ({
  ranges: size > 0 ? [{ from: 0, to: size, failures: 0 }] : [],
  backoffs: 0,
})

/** Index of the first record that is not settled yet: everything before it may be checkpointed. */
export const settledUpTo = (progress: BatchProgress, size: number): number => progress.ranges[0]?.from ?? size

/** What to do next. `arrivedAtMs` tells when record `index` was put on the stream, epoch ms. */
export function nextStep(
  progress: BatchProgress,
  arrivedAtMs: (index: number) => number,
  policy: BatchFatePolicy,
  now: number,
): BatchStep {
  const [head, ...rest] = progress.ranges
  if (!head) return { kind: 'settled' }
  if (exhausted(head.failures, policy))
    return {
      kind: 'give-up',
      range: head,
      condition: 'RetryAttemptsExhausted',
      next: { ranges: rest, backoffs: 0 },
    }
  let fresh = head.from
  if (policy.maximumRecordAgeMs >= 0)
    while (fresh < head.to && now - arrivedAtMs(fresh) > policy.maximumRecordAgeMs) fresh++
  if (fresh > head.from) {
    const remaining = fresh < head.to ? [{ ...head, from: fresh }, ...rest] : rest
    return {
      kind: 'give-up',
      range: { ...head, to: fresh },
      condition: 'RecordAgeExceeded',
      next: { ranges: remaining, backoffs: fresh < head.to ? progress.backoffs : 0 },
    }
  }
  return { kind: 'invoke', range: head }
}

const exhausted = (failures: number, { maximumRetryAttempts }: BatchFatePolicy): boolean =>
  maximumRetryAttempts >= 0 && failures > maximumRetryAttempts

export interface AfterBatch {
  readonly next: BatchProgress
  /** Wait before the next step; 0 where something was settled or split. */
  readonly delayMs: number
}

/**
 * What an outcome makes of the first range. With bisect on, a failing range of several records is halved instead of
 * repeated; a split does not count as a retry.
 */
export function afterInvoke(progress: BatchProgress, outcome: BatchOutcome, policy: BatchFatePolicy): AfterBatch {
  const [head, ...rest] = progress.ranges
  if (!head) throw new Error('no range was invoked')
  const goOn = (ranges: readonly BatchRange[]): AfterBatch => ({ next: { ranges, backoffs: 0 }, delayMs: 0 })
  const waiting = (range: BatchRange): AfterBatch => ({
    next: { ranges: [range, ...rest], backoffs: progress.backoffs + 1 },
    delayMs: backOffDelayMs(progress.backoffs, policy),
  })
  switch (outcome.kind) {
    case 'succeeded':
      return goOn(rest)
    case 'not-run':
      return waiting(head)
    case 'partly':
      if (outcome.index > head.from && outcome.index < head.to) {
        // With bisect on this is a split at that record, which does not count; without, its records have failed once.
        const left = { from: outcome.index, to: head.to, failures: policy.bisect ? 0 : 1 }
        return {
          next: { ranges: [left, ...rest], backoffs: 1 },
          delayMs: exhausted(left.failures, policy) ? 0 : backOffDelayMs(0, policy),
        }
      }
      return failed()
    case 'function-error':
      return failed()
  }
  function failed(): AfterBatch {
    const range = head as BatchRange
    if (!policy.bisect || range.to - range.from === 1) {
      const again = waiting({ ...range, failures: range.failures + 1 })
      return exhausted(range.failures + 1, policy) ? { ...again, delayMs: 0 } : again
    }
    const middle = range.from + Math.ceil((range.to - range.from) / 2)
    return goOn([{ ...range, to: middle }, { ...range, from: middle }, ...rest])
  }
}
