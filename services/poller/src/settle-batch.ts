import {
  type EventSourceMapping,
  type FactSink,
  type InvokeOutcome,
  type Invoker,
  limits,
  type ResolvedFunction,
  requestIdOfMessage,
} from '@weft/contracts'
import {
  afterInvoke,
  type BatchFatePolicy,
  type BatchOutcome,
  type BatchProgress,
  type BatchRange,
  batchPayload,
  type DeadBatch,
  type DeadBatches,
  deadBatch,
  describeFailure,
  type EncodedRecord,
  identifierOf,
  type MappingSource,
  newBatch,
  nextStep,
  readItemFailures,
  settledUpTo,
} from '@weft/delivery'
import { type Clock, delay, type Logger } from '@weft/platform'

export interface BatchContext {
  readonly mapping: EventSourceMapping
  readonly source: MappingSource
  readonly resolve: () => ResolvedFunction | undefined
  readonly invoker: Invoker
  readonly deadBatches: DeadBatches
  readonly facts: FactSink
  readonly clock: Clock
  readonly log: Logger
  readonly backoffMs: { readonly first: number; readonly most: number }
  /** Aborts when no further run may start; one that runs is still settled. */
  readonly leaving: AbortSignal
  /** False once another poller may have the mapping. */
  readonly held: () => boolean
  /** For LastProcessingResult. */
  readonly report: (result: string) => void
}

const ioTries = 4
const ioWaitMs = 500

/**
 * Carries a batch to its fate: runs it, or what is left of it, until every record has succeeded or is given up, and
 * checkpoints what is settled. Returns early when leaving; what is not checkpointed is read again. Rejects when the
 * source is lost.
 */
export async function settleBatch(context: BatchContext, batch: readonly EncodedRecord[]): Promise<void> {
  const { mapping, source, clock, leaving } = context
  const policy: BatchFatePolicy = {
    maximumRetryAttempts: mapping.maximumRetryAttempts,
    maximumRecordAgeMs: mapping.maximumRecordAgeSeconds < 0 ? -1 : mapping.maximumRecordAgeSeconds * 1_000,
    bisect: mapping.bisectBatchOnFunctionError,
    backoffMs: context.backoffMs,
  }
  const arrivedAtMs = (index: number): number => batch[index]?.source.storedAtMs ?? 0
  let progress = newBatch(batch.length)
  let settled = 0
  let response: DeadBatch['responseContext']
  const advance = async (next: BatchProgress): Promise<void> => {
    progress = next
    const upTo = settledUpTo(progress, batch.length)
    const last = batch[upTo - 1]
    if (upTo === settled || !last) return
    await surely(context, () => source.checkpoint(last.source))
    settled = upTo
  }
  for (;;) {
    if (!context.held() || !source.held()) throw new Error('the batch may be in other hands')
    const step = nextStep(progress, arrivedAtMs, policy, clock.now())
    if (step.kind === 'settled') return
    if (step.kind === 'give-up') {
      await giveUp(context, batch, step.range, step.condition, response)
      await advance(step.next)
      continue
    }
    if (leaving.aborted) return
    const ran = await invoke(context, batch, step.range)
    response = ran.response ?? response
    const { next, delayMs } = afterInvoke(progress, ran.outcome, policy)
    if (!context.held() || !source.held()) throw new Error('the batch may be in other hands')
    await advance(next)
    await delay(clock, delayMs, leaving)
  }
}

interface Ran {
  readonly outcome: BatchOutcome
  readonly response?: DeadBatch['responseContext']
}

async function invoke(context: BatchContext, batch: readonly EncodedRecord[], range: BatchRange): Promise<Ran> {
  const { mapping, report, log, facts, clock } = context
  const records = batch.slice(range.from, range.to)
  const target = context.resolve()
  if (!target) {
    report('PROBLEM: Function not found.')
    return { outcome: { kind: 'not-run' } }
  }
  const payload = batchPayload(records)
  if (payload.length > limits.syncPayloadBytes) {
    // Only a single record can be so large; the function could never be given it.
    report(`PROBLEM: A record is too large for the function (${payload.length} bytes).`)
    const response = { statusCode: 413, executedVersion: target.version.version, functionError: 'Unhandled' }
    return { outcome: { kind: 'function-error' }, response }
  }
  const requestId = requestIdOf(context, records)
  let outcome: InvokeOutcome
  try {
    outcome = await context.invoker.invoke({
      requestId,
      target,
      payload,
      source: 'mapping',
      attempt: range.failures + 1,
      logTail: false,
      acceptedAtMs: clock.now(),
    })
  } catch (error) {
    log.error({ err: error, requestId }, 'the invoker broke')
    outcome = { kind: 'platform-error', detail: 'The invoker failed.', mayHaveRun: true }
  }
  switch (outcome.kind) {
    case 'succeeded':
      return { outcome: fateOf(context, outcome.payload, records, range) }
    case 'function-error':
      report('PROBLEM: Function call failed')
      log.info({ requestId, mapping: mapping.uuid, error: describeFailure(outcome) }, 'batch failed')
      return {
        outcome: { kind: 'function-error' },
        response: { statusCode: 200, executedVersion: outcome.executedVersion, functionError: 'Unhandled' },
      }
    case 'throttled':
      report('PROBLEM: Function is throttled.')
      facts.record({
        type: 'throttle',
        requestId,
        accountId: mapping.accountId,
        functionName: mapping.functionName,
        reason: outcome.reason,
        atMs: clock.now(),
      })
      return { outcome: { kind: 'not-run' } }
    case 'platform-error':
      report('PROBLEM: Internal error.')
      log.warn({ requestId, mapping: mapping.uuid, detail: outcome.detail }, 'batch was not run')
      return { outcome: { kind: 'not-run' } }
  }
}

function fateOf(
  { mapping, report, log }: BatchContext,
  answer: Uint8Array,
  records: readonly EncodedRecord[],
  range: BatchRange,
): BatchOutcome {
  const failures = mapping.reportBatchItemFailures
    ? readItemFailures(
        answer,
        records.map((record) => identifierOf(record.source)),
      )
    : { kind: 'all-succeeded' as const }
  switch (failures.kind) {
    case 'all-succeeded':
      report('OK')
      return { kind: 'succeeded' }
    case 'all-failed':
      report('PROBLEM: Function call failed')
      log.info({ mapping: mapping.uuid, reason: failures.reason }, 'batch failed by its answer')
      return { kind: 'function-error' }
    case 'from':
      report('PROBLEM: Function call failed')
      return { kind: 'partly', index: range.from + failures.index }
  }
}

async function giveUp(
  context: BatchContext,
  batch: readonly EncodedRecord[],
  range: BatchRange,
  condition: Parameters<typeof deadBatch>[0]['condition'],
  response: DeadBatch['responseContext'],
): Promise<void> {
  const { mapping, clock, log } = context
  const encoded = batch.slice(range.from, range.to)
  const requestId = requestIdOf(context, encoded)
  const records = encoded.map((record) => record.source)
  const dead = deadBatch(
    { requestId, mapping, records, condition, runs: range.failures, ...(response && { response }) },
    clock.now(),
  )
  log.warn({ mapping: mapping.uuid, requestId, condition, info: dead.JetStreamBatchInfo }, 'batch given up')
  await surely(context, () => context.deadBatches.keep(mapping, dead))
}

/** The same for the same records of the same mapping, so that a batch that is read again keeps its id. */
function requestIdOf({ mapping, source }: BatchContext, records: readonly EncodedRecord[]): string {
  const first = records[0]?.source.sequence ?? 0
  const last = records.at(-1)?.source.sequence ?? 0
  return requestIdOfMessage(`${mapping.uuid}/${last}`, source.streamCreatedAt, first)
}

/** Repeats what is harmless to repeat while the batch is held. */
async function surely(context: BatchContext, act: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (attempt >= ioTries || !context.held() || !context.source.held()) throw error
      context.log.warn({ err: error, mapping: context.mapping.uuid }, 'tried again')
      await delay(context.clock, ioWaitMs * attempt)
    }
  }
}
