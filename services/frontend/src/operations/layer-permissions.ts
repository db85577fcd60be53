import { randomUUID } from 'node:crypto'
import { type AwsError, type LayerVersion, layerArn, layerKeys, ok, type Result } from '@weft/contracts'
import {
  addLayerPermission,
  conflict,
  layerPolicyDocument,
  noLayerVersion,
  notFound,
  removeLayerPermission,
} from '@weft/registry'
import type { Management } from './api.ts'
import type { CallContext } from './context.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { isLayerVersion, readLayer } from './find-layers.ts'
import { ownLayer } from './layers.ts'
import { mergeTries } from './lookup.ts'

interface Named {
  readonly LayerName: string
  readonly VersionNumber: number
}

/** Reads a layer version, lets a rule change it and stores the result by compare-and-set. */
async function change(
  deps: OperationDeps,
  context: CallContext,
  input: Named,
  action: string,
  rule: (layer: LayerVersion) => Result<LayerVersion, AwsError>,
): Promise<Result<LayerVersion, AwsError>> {
  const scope = scopeOf(deps, context.principal)
  const named = ownLayer(scope, context, input.LayerName, action)
  if (!named.ok) return named
  const { accountId, layerName } = named.value
  const arn = layerArn(scope.region, accountId, layerName, input.VersionNumber)
  if (input.VersionNumber < 1) return noLayerVersion(arn)
  const key = layerKeys.version(accountId, layerName, input.VersionNumber)
  for (let left = mergeTries; left > 0; left--) {
    const stored = await deps.layers.store.read(key)
    if (!stored || !isLayerVersion(stored.value)) return noLayerVersion(arn)
    const changed = rule(stored.value)
    if (!changed.ok) return changed
    const replaced = await deps.layers.store.replace(key, changed.value, stored.revision)
    if (replaced.ok) return changed
  }
  return conflict('The operation cannot be performed at this time. The layer version is being changed.')
}

export const addLayerVersionPermission =
  (deps: OperationDeps): Management['AddLayerVersionPermission'] =>
  async (context, input) => {
    const revisionId = randomUUID()
    const changed = await change(deps, context, input, 'AddLayerVersionPermission', (layer) =>
      addLayerPermission(layer, input, deps.region, revisionId),
    )
    if (!changed.ok) return changed
    return ok({ Statement: JSON.stringify(changed.value.policy?.statements.at(-1)), RevisionId: revisionId })
  }

export const removeLayerVersionPermission =
  (deps: OperationDeps): Management['RemoveLayerVersionPermission'] =>
  async (context, input) => {
    const removed = await change(deps, context, input, 'RemoveLayerVersionPermission', (layer) =>
      removeLayerPermission(layer, input.StatementId, input.RevisionId, randomUUID()),
    )
    return removed.ok ? ok({}) : removed
  }

export const getLayerVersionPolicy =
  (deps: OperationDeps): Management['GetLayerVersionPolicy'] =>
  async (context, input) => {
    const scope = scopeOf(deps, context.principal)
    const named = ownLayer(scope, context, input.LayerName, 'GetLayerVersionPolicy')
    if (!named.ok) return named
    const { accountId, layerName } = named.value
    const ref = { accountId, layerName, version: input.VersionNumber }
    const layer = input.VersionNumber < 1 ? undefined : await readLayer(deps, ref)
    if (!layer) return noLayerVersion(layerArn(scope.region, accountId, layerName, input.VersionNumber))
    if (!layer.policy) return notFound('No policy is associated with the given resource.')
    return ok({ Policy: layerPolicyDocument(layer), RevisionId: layer.policy.revisionId })
  }
