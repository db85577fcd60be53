import { type InvokeOutcome, limits, requestIdOfMessage } from '@weft/contracts'
import {
  type BatchResponse,
  describeFailure,
  enterChain,
  eventOf,
  type ItemFailures,
  readItemFailures,
  type SourceRecord,
} from '@weft/delivery'
import type { BatchContext } from './batch-context.ts'

export type BatchRun =
  /** The function answered; what it says of the records, where the mapping asks for it. */
  | { readonly kind: 'answered'; readonly payload: Uint8Array; readonly failures: ItemFailures }
  | { readonly kind: 'function-error'; readonly response: BatchResponse }
  /** Throttled, a platform error, or no such function: nothing counts. */
  | { readonly kind: 'not-run' }
  /** The records go round in a loop of functions. */
  | { readonly kind: 'loop' }

/** The same for the same records of the same mapping, so that a batch that is read again keeps its id. */
export function requestIdOf(
  { mapping, shard, source }: BatchContext,
  records: readonly SourceRecord[],
  salt = '',
): string {
  const ends = `${records[0]?.id ?? ''}/${records.at(-1)?.id ?? ''}`
  return requestIdOfMessage(`${mapping.uuid}/${shard}/${ends}${salt}`, source.incarnation, records.length)
}

/**
 * Runs the function with records, `more` being further members of the event. `attempt` is 1 for the first run; `salt` tells
 * runs apart that have no records.
 */
export async function runBatch(
  context: BatchContext,
  records: readonly SourceRecord[],
  attempt: number,
  more: Readonly<Record<string, unknown>> = {},
  salt = '',
): Promise<BatchRun> {
  const { mapping, source, report, log, facts, clock } = context
  const target = context.resolve()
  if (!target) {
    report('PROBLEM: Function not found.')
    return { kind: 'not-run' }
  }
  const refusal = context.refusal(target)
  if (refusal !== undefined) {
    report(`PROBLEM: ${refusal}`)
    return { kind: 'not-run' }
  }
  const payload = eventOf(source.frame, records, more)
  if (payload.length > limits.syncPayloadBytes) {
    // Only a single record can be so large; the function could never be given it.
    report(`PROBLEM: A record is too large for the function (${payload.length} bytes).`)
    return {
      kind: 'function-error',
      response: { statusCode: 413, executedVersion: target.version.version, functionError: 'Unhandled' },
    }
  }
  const requestId = requestIdOf(context, records, salt)
  const { accountId, functionName } = mapping
  const fact = { requestId, accountId, functionName, atMs: clock.now() }
  const chain = enterChain({
    // A batch has one chain; its records hardly ever come of several.
    traceHeader: records.find(({ traceHeader }) => traceHeader !== undefined)?.traceHeader,
    functionArn: target.record.functionArn,
    recursiveLoop: target.record.recursiveLoop,
    requestId,
    acceptedAtMs: clock.now(),
  })
  if (chain.kind === 'loop') {
    facts.record({ type: 'recursion', ...fact })
    report('PROBLEM: Function call failed: RecursiveInvocationException')
    return { kind: 'loop' }
  }
  let outcome: InvokeOutcome
  try {
    outcome = await context.invoker.invoke({
      requestId,
      target,
      payload,
      source: 'mapping',
      attempt,
      logTail: false,
      acceptedAtMs: clock.now(),
      traceHeader: chain.traceHeader,
    })
  } catch (error) {
    log.error({ err: error, requestId }, 'the invoker broke')
    outcome = { kind: 'platform-error', detail: 'The invoker failed.', mayHaveRun: true }
  }
  switch (outcome.kind) {
    case 'succeeded': {
      const failures = failuresIn(context, outcome.payload, records)
      report(failures.kind === 'all-succeeded' ? 'OK' : 'PROBLEM: Function call failed')
      return { kind: 'answered', payload: outcome.payload, failures }
    }
    case 'function-error':
      report('PROBLEM: Function call failed')
      log.info({ requestId, mapping: mapping.uuid, error: describeFailure(outcome) }, 'batch failed')
      return {
        kind: 'function-error',
        response: { statusCode: 200, executedVersion: outcome.executedVersion, functionError: 'Unhandled' },
      }
    case 'throttled':
      report('PROBLEM: Function is throttled.')
      facts.record({ type: 'throttle', ...fact, reason: outcome.reason })
      return { kind: 'not-run' }
    case 'platform-error':
      report('PROBLEM: Internal error.')
      log.warn({ requestId, mapping: mapping.uuid, detail: outcome.detail }, 'batch was not run')
      return { kind: 'not-run' }
  }
}

function failuresIn(
  { mapping, log }: BatchContext,
  answer: Uint8Array,
  records: readonly SourceRecord[],
): ItemFailures {
  if (!mapping.reportBatchItemFailures) return { kind: 'all-succeeded' }
  const ids = records.map((record) => record.id)
  const failures = readItemFailures(answer, ids)
  if (failures.kind === 'all-failed')
    log.info({ mapping: mapping.uuid, reason: failures.reason }, 'batch failed by its answer')
  return failures
}
