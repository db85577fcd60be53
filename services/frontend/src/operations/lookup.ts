import { type AwsError, type FunctionName, type FunctionRecord, ok, type Result } from '@weft/contracts'
import { arnOf, type Catalogue, functionNotFound, nameFunction, type Scope, updateInProgress } from '@weft/registry'
import type { OperationDeps } from './deps.ts'

export const functionKey = (scope: Scope, name: FunctionName): string => `${scope.accountId}.${name}`

/**
 * The catalogue, and the store for what the catalogue does not have: a function made a moment ago through another frontend
 * is found, and a call of a known function costs no I/O.
 */
export async function catalogueWith(
  deps: Pick<OperationDeps, 'catalogue' | 'stores'>,
  scope: Scope,
  ref: string,
): Promise<Pick<Catalogue, 'function'>> {
  const named = nameFunction(scope, ref)
  if (!named.ok || deps.catalogue.function(scope.accountId, named.value.functionName)) return deps.catalogue
  const stored = await deps.stores.functions.read(functionKey(scope, named.value.functionName))
  return { function: () => stored?.value }
}

/**
 * Reads a function, lets a rule change it and stores the result by compare-and-set. `tries` above 1 is for changes that
 * may be laid over whatever another has written meanwhile; others end in a ResourceConflictException.
 */
export async function changeFunction(
  deps: Pick<OperationDeps, 'stores'>,
  scope: Scope,
  ref: string,
  change: (record: FunctionRecord | undefined) => Result<FunctionRecord, AwsError>,
  tries = 1,
): Promise<Result<FunctionRecord, AwsError>> {
  const named = nameFunction(scope, ref)
  if (!named.ok) return named
  const key = functionKey(scope, named.value.functionName)
  for (let left = tries; left > 0; left--) {
    const stored = await deps.stores.functions.read(key)
    const changed = change(stored?.value)
    if (!changed.ok) return changed
    if (!stored) return functionNotFound(arnOf(scope, named.value.functionName))
    const replaced = await deps.stores.functions.replace(key, changed.value, stored.revision)
    if (replaced.ok) return ok(replaced.value.value)
  }
  return updateInProgress(arnOf(scope, named.value.functionName))
}

/** Changes that touch a corner of the record are laid over concurrent ones this often. */
export const mergeTries = 10

/** The record, or 404 with the ARN. */
export const required = (record: FunctionRecord | undefined, arn: string): Result<FunctionRecord, AwsError> =>
  record ? ok(record) : functionNotFound(arn)
