import { type AwsError, awsError, err, ok, type ResolvedFunction, type Result } from '@weft/contracts'
import { enterChain, recursionMessage } from '@weft/delivery'
import type { CallContext } from './context.ts'
import type { OperationDeps } from './deps.ts'
import { cleanTraceHeader } from './invocation-input.ts'

/**
 * The trace header that a synchronous call gives its function: the caller's, with this run counted in its lineage.
 * Errors: RecursiveInvocationException for a call that would go on with a loop of functions.
 */
export function enterFunction(
  deps: Pick<OperationDeps, 'clock' | 'facts'>,
  { requestId }: Pick<CallContext, 'requestId'>,
  { record }: ResolvedFunction,
  traceHeader: string | undefined,
): Result<string, AwsError> {
  const atMs = deps.clock.now()
  const { accountId, functionName, functionArn, recursiveLoop } = record
  const chain = enterChain({
    traceHeader: cleanTraceHeader(traceHeader),
    functionArn,
    recursiveLoop,
    requestId,
    acceptedAtMs: atMs,
  })
  if (chain.kind === 'enter') return ok(chain.traceHeader)
  deps.facts.record({ type: 'recursion', requestId, accountId, functionName, atMs })
  return err(awsError('RecursiveInvocationException', recursionMessage))
}
