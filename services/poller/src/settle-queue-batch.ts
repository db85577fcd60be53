import { type BatchResponse, backOffDelayMs, type GiveUpCondition, type SourceRecord } from '@weft/delivery'
import { delay } from '@weft/platform'
import { type BatchContext, mustHold, settle } from './batch-context.ts'
import { giveUp } from './give-up.ts'
import { type BatchRun, runBatch } from './run-batch.ts'

/**
 * Carries a batch of a queue to its fate. What succeeded is deleted. What failed comes again: of a plain queue as a new
 * delivery after the visibility timeout; of a group at once in place, because the messages behind it must wait for it.
 */
export async function settleQueueBatch(context: BatchContext, batch: readonly SourceRecord[]): Promise<void> {
  const { source, clock, leaving } = context
  const startedAtMs = clock.monotonic()
  const left = await withoutExpired(context, batch, 0)
  if (source.order === 'grouped') return settleInPlace(context, left)
  if (left.length === 0 || leaving.aborted) return
  const run = await runBatch(context, left, attemptOf(left))
  mustHold(context)
  const failed = failedOf(run, left)
  await settle(context, without(left, failed))
  if (run.kind === 'loop') return giveUpAll(context, failed, { condition: 'RecursiveInvocation', runs: 0 })
  const waitMs = Math.max(0, source.visibilityMs - (clock.monotonic() - startedAtMs))
  for (const record of failed) {
    const spent = run.kind !== 'not-run' && isSpent(context, record.receiveCount)
    if (spent)
      await giveUpAll(context, [record], { ...exhausted, runs: record.receiveCount, response: responseOf(run) })
    // Nothing failed in the records: what held them up may soon be over.
    else source.giveBack(record, run.kind === 'not-run' ? Math.min(waitMs, context.backoffMs.most) : waitMs)
  }
}

async function settleInPlace(context: BatchContext, batch: readonly SourceRecord[]): Promise<void> {
  const { clock, leaving, source } = context
  let left = batch
  let failures = 0
  for (let waits = 0; left.length > 0 && !leaving.aborted; waits++) {
    const run = await runBatch(context, left, attemptOf(left) + failures)
    mustHold(context)
    const failed = failedOf(run, left)
    await settle(context, without(left, failed))
    if (run.kind === 'loop') return giveUpAll(context, failed, { condition: 'RecursiveInvocation', runs: failures })
    if (run.kind !== 'not-run' && failed.length > 0) failures++
    const spent = failures > 0 ? failed.filter((record) => isSpent(context, record.receiveCount - 1 + failures)) : []
    await giveUpAll(context, spent, { ...exhausted, runs: failures, response: responseOf(run) })
    left = await withoutExpired(context, without(failed, spent), failures)
    if (left.length > 0)
      await delay(
        clock,
        Math.min(source.visibilityMs, backOffDelayMs(waits, { backoffMs: context.backoffMs })),
        leaving,
      )
  }
}

const exhausted: { readonly condition: GiveUpCondition } = { condition: 'RetryAttemptsExhausted' }

const attemptOf = (records: readonly SourceRecord[]): number =>
  Math.max(1, ...records.map(({ receiveCount }) => receiveCount))

const without = (records: readonly SourceRecord[], some: readonly SourceRecord[]): readonly SourceRecord[] =>
  some.length === 0 ? records : records.filter((record) => !some.includes(record))

const responseOf = (run: BatchRun): BatchResponse | undefined =>
  run.kind === 'function-error' ? run.response : undefined

const isSpent = ({ mapping }: BatchContext, runs: number): boolean =>
  mapping.maximumRetryAttempts >= 0 && runs > mapping.maximumRetryAttempts

function failedOf(run: BatchRun, records: readonly SourceRecord[]): readonly SourceRecord[] {
  if (run.kind !== 'answered') return records
  switch (run.failures.kind) {
    case 'all-succeeded':
      return []
    case 'all-failed':
      return records
    case 'some': {
      const failed = new Set(run.failures.failed)
      return records.filter((_, index) => failed.has(index))
    }
  }
}

/** Gives up what is too old. */
async function withoutExpired(
  context: BatchContext,
  records: readonly SourceRecord[],
  runs: number,
): Promise<readonly SourceRecord[]> {
  const { mapping, clock } = context
  if (mapping.maximumRecordAgeSeconds < 0) return records
  const oldestMs = clock.now() - mapping.maximumRecordAgeSeconds * 1_000
  const expired = records.filter((record) => record.storedAtMs < oldestMs)
  await giveUpAll(context, expired, { condition: 'RecordAgeExceeded', runs })
  return without(records, expired)
}

async function giveUpAll(
  context: BatchContext,
  records: readonly SourceRecord[],
  why: Parameters<typeof giveUp>[2],
): Promise<void> {
  if (records.length === 0) return
  await giveUp(context, records, why)
  await settle(context, records)
}
