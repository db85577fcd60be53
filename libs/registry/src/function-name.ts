import {
  type AwsError,
  awsError,
  err,
  type FunctionName,
  functionArn,
  isFunctionName,
  isQualifier,
  ok,
  parseFunctionRef,
  type Result,
} from '@weft/contracts'
import { functionNotFound, invalidParameter } from './errors.ts'
import type { Scope } from './scope.ts'

export interface NamedFunction {
  readonly functionName: FunctionName
  /** As written, in the name or beside it. */
  readonly qualifier?: string
}

/** Unqualified ARN, or with the qualifier; for texts, so any string will do for a name. */
export const arnOf = (scope: Scope, name: string, qualifier?: string): string =>
  functionArn(scope.region, scope.accountId, name as FunctionName, qualifier)

/**
 * Reads a function reference in any form AWS takes, and the qualifier that may come beside it. Errors: the qualifier given
 * twice and different; another account, region or partition; a name that no function can have.
 */
export function nameFunction(scope: Scope, ref: string, qualifier?: string): Result<NamedFunction, AwsError> {
  const partition = /^arn:([^:]*):/.exec(ref)?.[1]
  if (partition !== undefined && partition !== 'aws') return invalidParameter(`Invalid partition: ${partition}`)
  const parsed = parseFunctionRef(ref)
  if (!parsed.ok) return functionNotFound(ref.startsWith('arn:') ? ref : arnOf(scope, ref, qualifier))
  const { functionName, accountId, region, qualifier: derived } = parsed.value
  if (region !== undefined && region !== scope.region)
    return err(
      awsError(
        'ResourceNotFoundException',
        `Functions from '${region}' are not reachable in this region ('${scope.region}')`,
      ),
    )
  if (accountId !== undefined && accountId !== scope.accountId)
    return err(
      awsError(
        'AccessDeniedException',
        `User: arn:aws:iam::${scope.accountId}:root is not authorized to perform this action on resource: ${functionArn(scope.region, accountId, functionName, derived ?? qualifier)} because no resource-based policy allows it`,
      ),
    )
  if (derived !== undefined && qualifier !== undefined && derived !== qualifier)
    return invalidParameter('The derived qualifier from the function name does not match the specified qualifier.')
  const effective = derived ?? qualifier
  if (effective !== undefined && !isQualifier(effective)) return functionNotFound(arnOf(scope, functionName, effective))
  return ok({ functionName, ...(effective !== undefined && { qualifier: effective }) })
}

/** The name a function is created under: a reference without qualifier. */
export function nameNewFunction(scope: Scope, ref: string): Result<FunctionName, AwsError> {
  const plain = !ref.includes(':')
  if (plain && !isFunctionName(ref))
    // Worded as a validation error but of another code, as recorded from AWS.
    return invalidParameter(
      `1 validation error detected: Value '${ref}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64`,
    )
  const named = nameFunction(scope, ref)
  if (!named.ok) return named
  if (named.value.qualifier !== undefined)
    return invalidParameter('The function name must not carry a version or alias.')
  return ok(named.value.functionName)
}
