import { randomUUID } from 'node:crypto'
import { type AwsError, type FunctionRecord, LATEST, ok, type ResourcePolicy, type Result } from '@weft/contracts'
import { addStatement, permissionStatement, printPolicy, removeStatement } from '@weft/policy'
import {
  invalidParameter,
  nameFunction,
  notFound,
  qualifiedOf,
  resolveFunction,
  type Scope,
  updateInProgress,
  withQualified,
} from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, functionKey, mergeTries } from './lookup.ts'

interface Named {
  readonly FunctionName: string
  readonly Qualifier?: string | undefined
}

/** The function, the version or alias whose policy is meant, and the ARN the policy speaks of. */
export async function resolvePolicyOwner(deps: OperationDeps, scope: Scope, input: Named) {
  const named = nameFunction(scope, input.FunctionName, input.Qualifier)
  if (!named.ok) return named
  if (named.value.qualifier === LATEST)
    return invalidParameter('We currently do not support adding policies for $LATEST.')
  const catalogue = await catalogueWith(deps, scope, input.FunctionName, input.Qualifier)
  const found = resolveFunction(catalogue, scope, input.FunctionName, input.Qualifier)
  if (!found.ok) return found
  const { record, qualifier } = found.value
  const arn = qualifier === undefined ? record.functionArn : `${record.functionArn}:${qualifier}`
  return ok({ record, qualifier: qualifier ?? LATEST, arn })
}

/** Lays a change of the policy of one qualifier over whatever else has been changed meanwhile. */
export const changePolicy = (
  deps: OperationDeps,
  scope: Scope,
  { record, qualifier, arn }: { record: FunctionRecord; qualifier: string; arn: string },
  rule: (policy: ResourcePolicy | undefined) => Result<ResourcePolicy | undefined, AwsError>,
): Promise<Result<FunctionRecord, AwsError>> =>
  changeFunction(
    deps,
    scope,
    record.functionName,
    (now) => {
      if (!now) return updateInProgress(arn)
      const policy = rule(qualifiedOf(now, 'policies', qualifier))
      return policy.ok ? ok(withQualified(now, 'policies', qualifier, policy.value)) : policy
    },
    mergeTries,
  )

export const addPermission =
  (deps: OperationDeps): Management['AddPermission'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await resolvePolicyOwner(deps, scope, input)
    if (!found.ok) return found
    const statement = permissionStatement({
      statementId: input.StatementId,
      action: input.Action,
      principal: input.Principal,
      resource: found.value.arn,
      sourceArn: input.SourceArn,
      sourceAccount: input.SourceAccount,
      eventSourceToken: input.EventSourceToken,
      functionUrlAuthType: input.FunctionUrlAuthType,
      invokedViaFunctionUrl: input.InvokedViaFunctionUrl,
      principalOrgId: input.PrincipalOrgID,
    })
    if (!statement.ok) return statement
    const changed = await changePolicy(deps, scope, found.value, (policy) =>
      addStatement(policy, statement.value, randomUUID(), input.RevisionId),
    )
    return changed.ok ? ok({ Statement: JSON.stringify(statement.value) }) : changed
  }

export const removePermission =
  (deps: OperationDeps): Management['RemovePermission'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await resolvePolicyOwner(deps, scope, input)
    if (!found.ok) return found
    const changed = await changePolicy(deps, scope, found.value, (policy) =>
      removeStatement(policy, input.StatementId, randomUUID(), input.RevisionId),
    )
    return changed.ok ? ok({}) : changed
  }

export const getPolicy =
  (deps: OperationDeps): Management['GetPolicy'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await resolvePolicyOwner(deps, scope, input)
    if (!found.ok) return found
    const { record, qualifier } = found.value
    // From the store: tools add a permission and look at once, maybe through another frontend.
    const stored = await deps.stores.functions.read(functionKey(scope, record.functionName))
    const policy = stored && qualifiedOf(stored.value, 'policies', qualifier)
    if (!policy) return notFound('The resource you requested does not exist.')
    return ok({ Policy: printPolicy(policy), RevisionId: policy.revisionId })
  }
