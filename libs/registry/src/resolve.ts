import {
  type Alias,
  type AwsError,
  type FunctionRecord,
  type FunctionVersion,
  functionArn,
  LATEST,
  ok,
  type ResolvedFunction,
  type Result,
} from '@weft/contracts'
import { functionNotFound } from './errors.ts'
import { arnOf, nameFunction } from './function-name.ts'
import type { Catalogue } from './ports.ts'
import type { Scope } from './scope.ts'

/** What resolving looks up. */
export type ResolveCatalogue = Pick<Catalogue, 'function' | 'version' | 'alias'>

/**
 * The version that a reference leads to: `$LATEST` when it names none, that of an alias' first version when it names an
 * alias. Errors: those of `nameFunction`, and `Function not found: ARN` (404) with the ARN as the caller qualified it.
 */
export const resolveFunction = (
  catalogue: ResolveCatalogue,
  scope: Scope,
  ref: string,
  qualifier?: string,
): Result<ResolvedFunction, AwsError> => resolve(catalogue, scope, ref, qualifier, (alias) => alias.functionVersion)

/**
 * The version that a call runs: an alias with weights leads to its second version as often as its weight says. `draw` gives
 * numbers from 0 to below 1. Errors: as `resolveFunction`, but AWS adds `$LATEST` to the ARN of a missing function.
 */
export const resolveCall = (
  catalogue: ResolveCatalogue,
  scope: Scope,
  ref: string,
  qualifier: string | undefined,
  draw: () => number,
): Result<ResolvedFunction, AwsError> =>
  resolve(
    catalogue,
    scope,
    ref,
    qualifier,
    ({ functionVersion, additional }) =>
      additional && draw() < additional.weight ? additional.version : functionVersion,
    LATEST,
  )

function resolve(
  catalogue: ResolveCatalogue,
  scope: Scope,
  ref: string,
  qualifier: string | undefined,
  choose: (alias: Alias) => string,
  missingAs?: typeof LATEST,
): Result<ResolvedFunction, AwsError> {
  const named = nameFunction(scope, ref, qualifier)
  if (!named.ok) return named
  const { functionName, qualifier: wanted } = named.value
  const record = catalogue.function(scope.accountId, functionName)
  const version = record && versionOf(catalogue, record, wanted, choose)
  if (!record || !version) return functionNotFound(arnOf(scope, functionName, wanted ?? missingAs))
  return ok({
    record,
    version,
    ...(wanted !== undefined && { qualifier: wanted }),
    invokedArn: functionArn(scope.region, scope.accountId, functionName, wanted),
  })
}

function versionOf(
  catalogue: ResolveCatalogue,
  record: FunctionRecord,
  qualifier: string | undefined,
  choose: (alias: Alias) => string,
): FunctionVersion | undefined {
  if (qualifier === undefined || qualifier === LATEST) return record.latest
  const { accountId, functionName } = record
  if (/^\d+$/.test(qualifier)) return catalogue.version(accountId, functionName, qualifier)
  const alias = catalogue.alias(accountId, functionName, qualifier)
  if (!alias) return undefined
  const version = choose(alias)
  return version === LATEST ? record.latest : catalogue.version(accountId, functionName, version)
}
