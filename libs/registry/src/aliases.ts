import { type Alias, type AwsError, err, type FunctionRecord, LATEST, ok, type Result } from '@weft/contracts'
import { conflict, functionNotFound, invalidParameter, notFound, notServed, staleRevision } from './errors.ts'
import { arnOf, type NamedFunction, nameFunction } from './function-name.ts'
import type { CreateAliasInput, RoutingInput, UpdateAliasInput } from './inputs.ts'
import type { Catalogue } from './ports.ts'
import type { Scope } from './scope.ts'

/** Which versions a function has. */
export type VersionLookup = Pick<Catalogue, 'version'>

/** The function that owns aliases; it is named without a qualifier. */
export function nameAliasOwner(scope: Scope, ref: string): Result<NamedFunction, AwsError> {
  const named = nameFunction(scope, ref)
  if (named.ok && named.value.qualifier !== undefined)
    return invalidParameter('The function name must not carry a version or alias.')
  return named
}

/** 404 of GetAlias. */
export const cannotFindAlias = (arn: string): Result<never, AwsError> => notFound(`Cannot find alias arn: ${arn}`)

/**
 * A new alias. Errors: ResourceNotFound (a version), ResourceConflict (it exists), InvalidParameterValue (its routing).
 */
export function createAlias(
  existing: Alias | undefined,
  input: CreateAliasInput,
  record: FunctionRecord,
  versions: VersionLookup,
  scope: Scope,
  revisionId: string,
): Result<Alias, AwsError> {
  const missing = checkVersion(input.FunctionVersion, record, versions, scope)
  if (missing) return missing
  if (existing) return conflict(`Alias already exists: ${arnOf(scope, record.functionName, input.Name)}`)
  return route(
    {
      accountId: record.accountId,
      functionName: record.functionName,
      ...(record.functionId !== undefined && { functionId: record.functionId }),
      name: input.Name,
      functionVersion: input.FunctionVersion,
      description: input.Description ?? '',
      revisionId,
    },
    input.RoutingConfig,
    record,
    versions,
    scope,
  )
}

/**
 * The alias with the members of a request laid over it; absent ones stay, an empty RoutingConfig ends the routing. Errors:
 * ResourceNotFound, PreconditionFailed, InvalidParameterValue.
 */
export function updateAlias(
  alias: Alias | undefined,
  input: UpdateAliasInput,
  record: FunctionRecord,
  versions: VersionLookup,
  scope: Scope,
  revisionId: string,
): Result<Alias, AwsError> {
  if (!alias) return notFound(`Alias not found: ${arnOf(scope, record.functionName, input.Name)}`)
  if (input.RevisionId !== undefined && input.RevisionId !== alias.revisionId) return err(staleRevision)
  const functionVersion = input.FunctionVersion ?? alias.functionVersion
  const missing = checkVersion(functionVersion, record, versions, scope)
  if (missing) return missing
  const { additional, ...rest } = alias
  const kept = additional && { AdditionalVersionWeights: { [additional.version]: additional.weight } }
  return route(
    { ...rest, functionVersion, description: input.Description ?? alias.description, revisionId },
    input.RoutingConfig ?? kept,
    record,
    versions,
    scope,
  )
}

function checkVersion(
  version: string,
  record: FunctionRecord,
  versions: VersionLookup,
  scope: Scope,
): Result<never, AwsError> | undefined {
  if (version === LATEST) return undefined
  if (version === '$LATEST.PUBLISHED') return notServed(version)
  if (versions.version(record.accountId, record.functionName, version)) return undefined
  return functionNotFound(arnOf(scope, record.functionName, version))
}

function route(
  alias: Omit<Alias, 'additional'>,
  routing: RoutingInput | undefined,
  record: FunctionRecord,
  versions: VersionLookup,
  scope: Scope,
): Result<Alias, AwsError> {
  const [second, ...more] = Object.entries(routing?.AdditionalVersionWeights ?? {})
  if (!second) return ok(alias)
  if (more.length > 0) return invalidParameter('Number of items in AdditionalVersionWeights cannot be greater than 1')
  const [version, weight] = second
  // The API model has checked the range; a number that is none would route at random.
  if (!(weight >= 0 && weight <= 1))
    return invalidParameter(`The weight of version ${version} must be from 0.0 to 1.0.`)
  if (version === alias.functionVersion)
    return invalidParameter(
      `Invalid function version ${version}. Function version ${version} is already included in routing configuration.`,
    )
  if (alias.functionVersion === LATEST)
    return err({
      code: 'InvalidParameterValueException',
      message: '$LATEST is not supported for an alias pointing to more than 1 version',
      untyped: true,
    })
  return checkVersion(version, record, versions, scope) ?? ok({ ...alias, additional: { version, weight } })
}
