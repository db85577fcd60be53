import { randomUUID } from 'node:crypto'
import { type AwsError, err, LATEST, ok, type Result } from '@weft/contracts'
import { policyOfDocument, printPolicy, stalePolicy } from '@weft/policy'
import { invalidParameter, notFound, qualifiedOf, type Scope } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { changePolicy, resolvePolicyOwner } from './permissions.ts'

const noPolicy: Result<never, AwsError> = notFound('The resource you requested does not exist.')

/** The function, version or alias of an ARN; only these can have a policy of this kind. */
async function resolve(deps: OperationDeps, scope: Scope, arn: string) {
  const [, , service, , , kind, , qualifier] = arn.split(':')
  if (service !== 'lambda' || kind !== 'function')
    return invalidParameter('ResourceArn must be the ARN of a function, a version or an alias.')
  return qualifier === LATEST
    ? invalidParameter('We currently do not support adding policies for $LATEST.')
    : resolvePolicyOwner(deps, scope, { FunctionName: arn })
}

/** Takes the place of all permissions that were given one by one. */
export const putResourcePolicy =
  (deps: OperationDeps): Management['PutResourcePolicy'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await resolve(deps, scope, input.ResourceArn)
    if (!found.ok) return found
    const { arn, qualifier } = found.value
    const changed = await changePolicy(deps, scope, found.value, (before) =>
      policyOfDocument(before, input.Policy, arn, randomUUID(), input.RevisionId),
    )
    if (!changed.ok) return changed
    const policy = qualifiedOf(changed.value, 'policies', qualifier)
    return policy ? ok({ Policy: printPolicy(policy), RevisionId: policy.revisionId }) : noPolicy
  }

export const getResourcePolicy =
  (deps: OperationDeps): Management['GetResourcePolicy'] =>
  async ({ principal }, input) => {
    const found = await resolve(deps, scopeOf(deps, principal), input.ResourceArn)
    if (!found.ok) return found
    const policy = qualifiedOf(found.value.record, 'policies', found.value.qualifier)
    return policy ? ok({ Policy: printPolicy(policy), RevisionId: policy.revisionId }) : noPolicy
  }

export const deleteResourcePolicy =
  (deps: OperationDeps): Management['DeleteResourcePolicy'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await resolve(deps, scope, input.ResourceArn)
    if (!found.ok) return found
    const changed = await changePolicy(deps, scope, found.value, (before) => {
      if (!before) return noPolicy
      if (input.RevisionId !== undefined && input.RevisionId !== before.revisionId) return err(stalePolicy)
      return ok(undefined)
    })
    return changed.ok ? ok({}) : changed
  }
