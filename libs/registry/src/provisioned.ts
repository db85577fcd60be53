import {
  type Alias,
  type AwsError,
  awsError,
  err,
  type FunctionRecord,
  LATEST,
  limits,
  ok,
  type ProvisionedStatus,
  type Result,
} from '@weft/contracts'
import { qualifiedOf, qualifiersWith, withQualified } from './by-qualifier.ts'
import { provisionedTotal, unreservedConcurrency } from './concurrency.ts'
import { awsDate } from './describe.ts'
import { conflict, functionNotFound, invalidParameter, notFound } from './errors.ts'
import type { Catalogue } from './ports.ts'
import { snapStartNotProvisionable } from './snap-start.ts'

/** 404 of a version or alias that has none. */
export const noProvisioned: Result<never, AwsError> = err(
  awsError(
    'ProvisionedConcurrencyConfigNotFoundException',
    'No Provisioned Concurrency Config found for this function',
  ),
)

/** AWS's two refusals of `$LATEST`: of setting it, and of asking for it. */
export const latestNotProvisionable = invalidParameter(
  'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
)
export const latestHasNoneProvisioned = invalidParameter(
  'The function resource provided must be an alias or a published version.',
)

const alreadyProvisioned = conflict(
  "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
)

/**
 * Whether an alias may lead where it is to: one with provisioned concurrency only to a version without SnapStart, and to none that
 * has some by another name. `aliases` are the function's.
 */
export function checkProvisionedAlias(
  record: FunctionRecord,
  { name, functionVersion }: Alias,
  aliases: readonly Alias[],
  catalogue: Pick<Catalogue, 'version'>,
): Result<never, AwsError> | undefined {
  if (!qualifiedOf(record, 'provisioned', name)) return undefined
  if (functionVersion === LATEST) return latestNotProvisionable
  if (catalogue.version(record.accountId, record.functionName, functionVersion)?.snapStart)
    return snapStartNotProvisionable
  const behind = (qualifier: string): string | undefined =>
    aliases.find((one) => one.name === qualifier)?.functionVersion ?? qualifier
  const twin = qualifiersWith(record, 'provisioned').find((one) => one !== name && behind(one) === functionVersion)
  return twin === undefined ? undefined : alreadyProvisioned
}

export interface ProvisionRequest {
  readonly qualifier: string
  readonly wanted: number
  readonly accountLimit: number
  /** All functions of the account. */
  readonly functions: readonly FunctionRecord[]
  readonly nowMs: number
}

/**
 * The function with so many environments provisioned for a version or alias. Errors: InvalidParameterValue ($LATEST, more
 * than is reserved or than the account has left), ResourceNotFound, ResourceConflict (the version has some by another name).
 */
export function provision(
  record: FunctionRecord,
  request: ProvisionRequest,
  catalogue: Pick<Catalogue, 'version' | 'alias'>,
): Result<FunctionRecord, AwsError> {
  const { qualifier, wanted, accountLimit, functions, nowMs } = request
  if (qualifier === LATEST) return latestNotProvisionable
  const version = publishedBehind(record, qualifier, catalogue)
  if (!version.ok) return version
  if (catalogue.version(record.accountId, record.functionName, version.value)?.snapStart)
    return snapStartNotProvisionable
  const twin = qualifiersWith(record, 'provisioned').find((other) => {
    const behind = other === qualifier ? undefined : publishedBehind(record, other, catalogue)
    return behind?.ok && behind.value === version.value
  })
  if (twin !== undefined)
    return /^\d+$/.test(qualifier)
      ? conflict('Version is pointed by a Provisioned Concurrency alias')
      : alreadyProvisioned
  const before = qualifiedOf(record, 'provisioned', qualifier)?.requested ?? 0
  const total = provisionedTotal(record) - before + wanted
  if (record.reservedConcurrency !== undefined) {
    if (total > record.reservedConcurrency)
      return invalidParameter(
        'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function',
      )
  } else {
    const others = functions.filter((one) => one.functionName !== record.functionName)
    const unreserved = unreservedConcurrency(accountLimit, others)
    if (total > unreserved)
      return invalidParameter(
        `Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [${unreserved}].`,
      )
    const minimum = Math.min(limits.minimumUnreservedConcurrency, accountLimit)
    if (unreserved - total < minimum)
      return invalidParameter(
        `Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${minimum}].`,
      )
  }
  return ok(withQualified(record, 'provisioned', qualifier, { requested: wanted, lastModifiedMs: nowMs }))
}

/** The published version that a qualifier leads to first. */
export function publishedBehind(
  { accountId, functionName, functionArn }: FunctionRecord,
  qualifier: string,
  catalogue: Pick<Catalogue, 'version' | 'alias'>,
): Result<string, AwsError> {
  const alias = /^\d+$/.test(qualifier) ? undefined : catalogue.alias(accountId, functionName, qualifier)
  const version = alias?.functionVersion ?? qualifier
  if (version === LATEST) return latestNotProvisionable
  if (catalogue.version(accountId, functionName, version)) return ok(version)
  const arn = `${functionArn}:${qualifier}`
  return /^\d+$/.test(qualifier) ? functionNotFound(arn) : notFound(`Cannot find alias arn: ${arn}`)
}

/** A ProvisionedConcurrencyConfig of the AWS API. Absent status: nothing has been done for it yet. */
export function describeProvisioned(
  { requested, lastModifiedMs }: { readonly requested: number; readonly lastModifiedMs: number },
  status: ProvisionedStatus | undefined,
) {
  return {
    RequestedProvisionedConcurrentExecutions: requested,
    AvailableProvisionedConcurrentExecutions: status?.available ?? 0,
    AllocatedProvisionedConcurrentExecutions: status?.allocated ?? 0,
    Status: status?.status ?? 'IN_PROGRESS',
    ...(status?.statusReason !== undefined && { StatusReason: status.statusReason }),
    LastModified: awsDate(lastModifiedMs),
  } as const
}
