import { type AwsError, type FunctionRecord, LATEST, ok, type Result } from '@weft/contracts'
import {
  arnOf,
  describeProvisioned,
  latestHasNoneProvisioned,
  nameFunction,
  noProvisioned,
  notServed,
  notWithTenancy,
  provision,
  publishedBehind,
  qualifiedOf,
  qualifiersWith,
  type Scope,
  withQualified,
} from '@weft/registry'
import type { Management } from './api.ts'
import { concurrencyLimitOf } from './concurrency.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, findFunction, mergeTries, required } from './lookup.ts'

/** API reference of ListProvisionedConcurrencyConfigs: 50 to a page at most. */
const mostPerPage = 50

interface Named {
  readonly FunctionName: string
  readonly Qualifier: string
}

/** What a qualifier has as settings, and how far the fabric is with them. */
async function describe(deps: OperationDeps, record: FunctionRecord, qualifier: string) {
  const settings = qualifiedOf(record, 'provisioned', qualifier)
  if (!settings) return undefined
  const { accountId, functionName } = record
  const states = deps.provisionedStates
  return describeProvisioned(
    settings,
    await states?.status(accountId, functionName, qualifier, settings.lastModifiedMs),
  )
}

/** The function and the version or alias, which is there. */
async function find(deps: OperationDeps, scope: Scope, { FunctionName, Qualifier }: Named) {
  const named = nameFunction(scope, FunctionName, Qualifier)
  if (!named.ok) return named
  const { functionName, qualifier = LATEST } = named.value
  if (qualifier === LATEST) return latestHasNoneProvisioned
  const catalogue = await catalogueWith(deps, scope, functionName, qualifier)
  const found = required(catalogue.function(scope.accountId, functionName), arnOf(scope, functionName, qualifier))
  if (!found.ok) return found
  const version = publishedBehind(found.value, qualifier, catalogue)
  return version.ok ? ok({ record: found.value, qualifier }) : version
}

export const putProvisionedConcurrencyConfig =
  (deps: OperationDeps): Management['PutProvisionedConcurrencyConfig'] =>
  async ({ principal }, input) => {
    if (!deps.provisionedStates) return notServed('Provisioned concurrency')
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName, input.Qualifier)
    if (!named.ok) return named
    const { functionName, qualifier = LATEST } = named.value
    const catalogue = await catalogueWith(deps, scope, functionName, qualifier)
    const changed = await change(deps, scope, functionName, (record) =>
      record.tenancy
        ? notWithTenancy('Provisioned concurrency')
        : provision(
            record,
            {
              qualifier,
              wanted: input.ProvisionedConcurrentExecutions,
              accountLimit: concurrencyLimitOf(deps, scope.accountId),
              functions: deps.catalogue.functions(scope.accountId),
              nowMs: deps.clock.now(),
            },
            catalogue,
          ),
    )
    if (!changed.ok) return changed
    // What was asked for has only begun, as on AWS.
    const settings = qualifiedOf(changed.value, 'provisioned', qualifier)
    return settings ? ok(describeProvisioned(settings, undefined)) : noProvisioned
  }

const change = (
  deps: OperationDeps,
  scope: Scope,
  name: string,
  rule: (record: FunctionRecord) => Result<FunctionRecord, AwsError>,
): Promise<Result<FunctionRecord, AwsError>> =>
  changeFunction(
    deps,
    scope,
    name,
    (record) => {
      const found = required(record, arnOf(scope, name))
      return found.ok ? rule(found.value) : found
    },
    mergeTries,
  )

export const getProvisionedConcurrencyConfig =
  (deps: OperationDeps): Management['GetProvisionedConcurrencyConfig'] =>
  async ({ principal }, input) => {
    const found = await find(deps, scopeOf(deps, principal), input)
    if (!found.ok) return found
    const described = await describe(deps, found.value.record, found.value.qualifier)
    return described ? ok(described) : noProvisioned
  }

/** Where none is provisioned there is nothing to do: 204, as on AWS. */
export const deleteProvisionedConcurrencyConfig =
  (deps: OperationDeps): Management['DeleteProvisionedConcurrencyConfig'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await find(deps, scope, input)
    if (!found.ok) return found
    const { record, qualifier } = found.value
    if (!qualifiedOf(record, 'provisioned', qualifier)) return ok({})
    const changed = await change(deps, scope, record.functionName, (now) =>
      ok(withQualified(now, 'provisioned', qualifier, undefined)),
    )
    return changed.ok ? ok({}) : changed
  }

export const listProvisionedConcurrencyConfigs =
  (deps: OperationDeps): Management['ListProvisionedConcurrencyConfigs'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await findFunction(deps, scope, input.FunctionName)
    if (!found.ok) return found
    const record = found.value
    const { functionName } = record
    const page = deps.markers.page(
      scope.accountId,
      `provisioned ${functionName}`,
      qualifiersWith(record, 'provisioned'),
      (qualifier) => qualifier,
      { marker: input.Marker, maxItems: input.MaxItems, most: mostPerPage },
    )
    if (!page.ok) return page
    const described = await Promise.all(
      page.value.items.map(async (qualifier) => ({
        FunctionArn: `${record.functionArn}:${qualifier}`,
        ...(await describe(deps, record, qualifier)),
      })),
    )
    return ok({ ProvisionedConcurrencyConfigs: described, NextMarker: page.value.nextMarker })
  }
