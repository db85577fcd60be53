import {
  type AwsError,
  catalogueKeys,
  type FunctionName,
  type FunctionRecord,
  type FunctionVersion,
  isVersion,
  LATEST,
  ok,
  type Result,
} from '@weft/contracts'
import {
  arnOf,
  functionNotFound,
  nameFunction,
  type ResolveCatalogue,
  resolveFunction,
  type Scope,
  updateInProgress,
} from '@weft/registry'
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
  qualifier?: string,
): Promise<ResolveCatalogue> {
  const named = nameFunction(scope, ref, qualifier)
  if (!named.ok || resolveFunction(deps.catalogue, scope, ref, qualifier).ok) return deps.catalogue
  return readResolving(deps, scope, named.value.functionName, named.value.qualifier)
}

/** A function by any reference to it, whatever its qualifier. Errors: those of `nameFunction`, and 404. */
export async function findFunction(
  deps: Pick<OperationDeps, 'catalogue' | 'stores'>,
  scope: Scope,
  ref: string,
): Promise<Result<FunctionRecord, AwsError>> {
  const named = nameFunction(scope, ref)
  if (!named.ok) return named
  const { functionName } = named.value
  const catalogue = await catalogueWith(deps, scope, functionName)
  return required(catalogue.function(scope.accountId, functionName), arnOf(scope, functionName))
}

/** What resolving one reference needs, from the store. */
async function readResolving(
  deps: Pick<OperationDeps, 'stores'>,
  scope: Scope,
  name: FunctionName,
  qualifier = LATEST,
): Promise<ResolveCatalogue> {
  const { stores } = deps
  const { accountId } = scope
  const record = (await stores.functions.read(functionKey(scope, name)))?.value
  if (!record) return { function: () => undefined, version: () => undefined, alias: () => undefined }
  const ofThisLife = <T extends { readonly functionId?: string }>(one: T | undefined): T | undefined =>
    one?.functionId === record.functionId ? one : undefined
  const alias = isVersion(qualifier)
    ? undefined
    : ofThisLife((await stores.aliases.read(catalogueKeys.alias(accountId, name, qualifier)))?.value)
  const numbers = alias ? [alias.functionVersion, alias.additional?.version ?? LATEST] : [qualifier]
  const versions = new Map<string, FunctionVersion>()
  for (const number of numbers.filter((one) => one !== LATEST && isVersion(one))) {
    const stored = ofThisLife((await stores.versions.read(catalogueKeys.version(accountId, name, number)))?.value)
    if (stored) versions.set(number, stored.version)
  }
  return { function: () => record, version: (_account, _name, number) => versions.get(number), alias: () => alias }
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
