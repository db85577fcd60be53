import { type EventSourceMapping, limits } from '@weft/contracts'
import {
  afterInvoke,
  type BatchFatePolicy,
  type BatchOutcome,
  type BatchProgress,
  type BatchResponse,
  newBatch,
  nextStep,
  type SourceRecord,
  settledUpTo,
} from '@weft/delivery'
import { delay } from '@weft/platform'
import { type BatchContext, mustHold, settle } from './batch-context.ts'
import { giveUp } from './give-up.ts'
import { type BatchRun, runBatch } from './run-batch.ts'

export interface StreamBatch {
  readonly records: readonly SourceRecord[]
  /** Runs part of the batch. */
  readonly run: (records: readonly SourceRecord[], attempt: number) => Promise<BatchRun>
  /** What to do with records whose fate is settled, in order. */
  readonly settled: (records: readonly SourceRecord[]) => Promise<void>
}

export const plainBatch = (context: BatchContext, records: readonly SourceRecord[]): StreamBatch => ({
  records,
  run: (part, attempt) => runBatch(context, part, attempt),
  settled: (part) => settle(context, part),
})

/**
 * Carries a batch of a stream to its fate: runs it, or what is left of it, until every record has succeeded or is given
 * up. Returns early when leaving; what is not settled is read again. Rejects when the source is lost.
 */
export async function settleStreamBatch(context: BatchContext, batch: StreamBatch): Promise<void> {
  const { mapping, clock, leaving } = context
  const { records } = batch
  const policy: BatchFatePolicy = {
    maximumRetryAttempts: retriesOf(mapping),
    maximumRecordAgeMs: mapping.maximumRecordAgeSeconds < 0 ? -1 : mapping.maximumRecordAgeSeconds * 1_000,
    bisect: mapping.bisectBatchOnFunctionError,
    backoffMs: context.backoffMs,
  }
  const arrivedAtMs = (index: number): number => records[index]?.storedAtMs ?? 0
  let progress = newBatch(records.length)
  let settledCount = 0
  let response: BatchResponse | undefined
  const advance = async (next: BatchProgress): Promise<void> => {
    progress = next
    const upTo = settledUpTo(progress, records.length)
    if (upTo === settledCount) return
    await batch.settled(records.slice(settledCount, upTo))
    settledCount = upTo
  }
  for (;;) {
    mustHold(context)
    const step = nextStep(progress, arrivedAtMs, policy, clock.now())
    if (step.kind === 'settled') return
    const { range } = step
    const part = records.slice(range.from, range.to)
    if (step.kind === 'give-up') {
      await giveUp(context, part, { condition: step.condition, runs: range.failures, response })
      await advance(step.next)
      continue
    }
    if (leaving.aborted) return
    const run = await batch.run(part, range.failures + 1)
    if (run.kind === 'function-error') response = run.response
    const { next, delayMs } = afterInvoke(progress, outcomeOf(run, range.from), policy)
    mustHold(context)
    if (run.kind === 'loop') await giveUp(context, part, { condition: 'RecursiveInvocation', runs: range.failures })
    await advance(next)
    await delay(clock, delayMs, leaving)
  }
}

/** As on AWS a batch of Kafka that has somewhere to go does not hold its partition up for ever. */
const retriesOf = ({ kafka, maximumRetryAttempts, onFailureArn }: EventSourceMapping): number =>
  kafka && maximumRetryAttempts < 0 && onFailureArn !== undefined
    ? limits.mapping.kafkaRetriesWithDestination
    : maximumRetryAttempts

function outcomeOf(run: BatchRun, from: number): BatchOutcome {
  switch (run.kind) {
    case 'answered':
      switch (run.failures.kind) {
        case 'all-succeeded':
          return { kind: 'succeeded' }
        case 'all-failed':
          return { kind: 'function-error' }
        case 'some':
          return { kind: 'partly', index: from + run.failures.failed[0] }
      }
      break
    // Given up: nothing is left to be done with the range.
    case 'loop':
      return { kind: 'succeeded' }
    case 'function-error':
    case 'not-run':
      return { kind: run.kind }
  }
}
