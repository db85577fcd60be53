import { type AwsError, awsError, err, ok, type ResolvedFunction, type Result } from '@weft/contracts'
import { currentTraceparent } from '@weft/platform'
import type { CallContext, PublishInput } from './context.ts'
import type { OperationDeps } from './deps.ts'
import { cleanTraceHeader } from './invocation-input.ts'

/** Stores an event durably. Errors: ServiceUnavailableException (503) when that is not possible now. */
export async function acceptEvent(
  deps: Pick<OperationDeps, 'events' | 'clock'>,
  context: CallContext,
  target: ResolvedFunction,
  payload: Uint8Array,
  input: Pick<PublishInput, 'tenantId' | 'traceHeader' | 'traceparent' | 'deduplicationId'>,
  tracked = false,
): Promise<Result<{ readonly duplicate: boolean }, AwsError>> {
  const traceHeader = cleanTraceHeader(input.traceHeader)
  const traceparent = currentTraceparent(input.traceparent)
  const accepted = await deps.events.accept({
    requestId: context.requestId,
    accountId: target.record.accountId,
    functionName: target.record.functionName,
    ...(target.qualifier !== undefined && { qualifier: target.qualifier }),
    payload,
    acceptedAtMs: deps.clock.now(),
    ...(input.tenantId !== undefined && { tenantId: input.tenantId }),
    ...(traceHeader !== undefined && { traceHeader }),
    ...(traceparent !== undefined && { traceparent }),
    ...(input.deduplicationId !== undefined && { deduplicationId: input.deduplicationId }),
    ...(tracked && { tracked }),
  })
  if (accepted.ok) return ok(accepted.value)
  return err(
    awsError(
      'ServiceUnavailableException',
      accepted.error === 'store-full'
        ? 'The event was not accepted: the event store is full.'
        : 'The event was not accepted: the event store is not available.',
      { retryAfterSeconds: 1 },
    ),
  )
}
