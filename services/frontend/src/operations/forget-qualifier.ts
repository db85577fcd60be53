import { type AwsError, type FunctionRecord, ok, type Result } from '@weft/contracts'
import { functionNotFound, type Scope, withoutQualifier } from '@weft/registry'
import type { OperationDeps } from './deps.ts'
import { changeFunction, mergeTries } from './lookup.ts'

/**
 * Takes away what the function keeps for a version or alias that has just been deleted: it must not pass to a later one of
 * its name.
 */
export async function forgetQualifier(
  deps: Pick<OperationDeps, 'stores'>,
  scope: Scope,
  record: FunctionRecord,
  qualifier: string,
): Promise<Result<object, AwsError>> {
  if (withoutQualifier(record, qualifier) === record) return ok({})
  const forgotten = await changeFunction(
    deps,
    scope,
    record.functionName,
    (now) => (now ? ok(withoutQualifier(now, qualifier)) : functionNotFound(record.functionArn)),
    mergeTries,
  )
  return forgotten.ok || forgotten.error.code === 'ResourceNotFoundException' ? ok({}) : forgotten
}
