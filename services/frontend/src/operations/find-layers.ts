import {
  type AwsError,
  type CodeLocation,
  type LayerEntry,
  type LayerReference,
  type LayerVersion,
  layerKeys,
  ok,
  type Result,
} from '@weft/contracts'
import { type Content, type LayerVersionRef, parseLayerVersionArn, type Scope, useLayers } from '@weft/registry'
import type { CallContext } from './context.ts'
import type { OperationDeps } from './deps.ts'

export const isLayerVersion = (entry: LayerEntry | undefined): entry is LayerVersion =>
  entry !== undefined && 'version' in entry

/** A layer version; one that was made a moment ago through another frontend is found in the store. */
export async function readLayer(
  { layers }: Pick<OperationDeps, 'layers'>,
  { accountId, layerName, version }: Pick<LayerVersionRef, 'accountId' | 'layerName' | 'version'>,
): Promise<LayerVersion | undefined> {
  const key = layerKeys.version(accountId, layerName, version)
  const entry = layers.get(key) ?? (await layers.store.read(key))?.value
  return isLayerVersion(entry) ? entry : undefined
}

export interface FoundLayers {
  /** Absent: the request does not speak of layers. */
  readonly layers?: readonly LayerReference[]
  readonly versions: readonly LayerVersion[]
}

/**
 * The layers that a function's settings name, in order; none when the request does not speak of layers. Who names a layer
 * must be allowed to get it. Errors: AccessDenied, InvalidParameterValue.
 */
export async function findLayers(
  deps: Pick<OperationDeps, 'layers' | 'guard'>,
  scope: Scope,
  context: CallContext,
  arns: readonly string[] | undefined,
): Promise<Result<FoundLayers, AwsError>> {
  if (!arns) return ok({ versions: [] })
  const found = new Map<string, LayerVersion>()
  for (const arn of arns) {
    const ref = parseLayerVersionArn(arn)
    if (!ref) continue
    const layer = await readLayer(deps, ref)
    const admitted = deps.guard.management('GetLayerVersionByArn', context, { Arn: arn })
    if (!admitted.ok) return admitted
    if (layer) found.set(arn, layer)
  }
  const used = useLayers(scope, arns, (arn) => found.get(arn), context.principal.arn)
  return used.ok ? ok({ layers: used.value, versions: [...found.values()] }) : used
}

/** What a function is made of, as its rules take it. */
export const contentOf = (code: CodeLocation, { layers }: FoundLayers): Content => ({ code, ...(layers && { layers }) })
