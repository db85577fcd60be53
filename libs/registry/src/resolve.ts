import { type AwsError, functionArn, LATEST, ok, type ResolvedFunction, type Result } from '@weft/contracts'
import { functionNotFound } from './errors.ts'
import { arnOf, nameFunction } from './function-name.ts'
import type { Catalogue } from './ports.ts'
import type { Scope } from './scope.ts'

/**
 * The version that a reference leads to. Unqualified and `$LATEST` mean the unpublished version; no other version or alias
 * exists. Errors: those of `nameFunction`, and `Function not found: ARN` (404). AWS shows the ARN as the caller qualified
 * it, except for calls, where it adds `$LATEST`: `missingAs`.
 */
export function resolveFunction(
  catalogue: Pick<Catalogue, 'function'>,
  scope: Scope,
  ref: string,
  qualifier?: string,
  missingAs?: typeof LATEST,
): Result<ResolvedFunction, AwsError> {
  const named = nameFunction(scope, ref, qualifier)
  if (!named.ok) return named
  const { functionName, qualifier: wanted } = named.value
  const record = catalogue.function(scope.accountId, functionName)
  if (!record || (wanted !== undefined && wanted !== LATEST))
    return functionNotFound(arnOf(scope, functionName, wanted ?? missingAs))
  return ok({
    record,
    version: record.latest,
    ...(wanted !== undefined && { qualifier: wanted }),
    invokedArn: functionArn(scope.region, scope.accountId, functionName, wanted),
  })
}
