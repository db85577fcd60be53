import {
  type AwsError,
  type CodeLocation,
  type LayerReference,
  type LayerVersion,
  limits,
  ok,
  type Result,
} from '@weft/contracts'
import { invalidParameter } from './errors.ts'
import { layerDenied, layerReference, mayUseLayer, parseLayerVersionArn } from './layers.ts'
import type { Scope } from './scope.ts'

const mostLayers = 5

/**
 * The layer versions that a function asks for, in its order. `find` looks one up in any account. Errors:
 * InvalidParameterValue, AccessDenied (another account's, without its permission).
 */
export function useLayers(
  scope: Scope,
  arns: readonly string[],
  find: (arn: string) => LayerVersion | undefined,
  caller: string,
): Result<readonly LayerReference[], AwsError> {
  if (arns.length > mostLayers) return invalidParameter('Cannot reference more than 5 layers.')
  const used: LayerReference[] = []
  const seen = new Map<string, string>()
  for (const arn of arns) {
    const ref = parseLayerVersionArn(arn)
    const own = ref?.accountId === scope.accountId
    if (ref && own && ref.region !== scope.region)
      return invalidParameter(
        `Layers are not in the same region as the function. Layers are expected to be in region ${scope.region}.`,
      )
    const layer = ref?.region === scope.region ? find(arn) : undefined
    // Whether another account's layer exists is not told to who may not use it.
    if (ref && !own && !(layer && mayUseLayer(layer, scope.accountId))) return layerDenied(caller, arn)
    if (!layer) return invalidParameter(`Layer version ${arn} does not exist.`)
    const family = arn.slice(0, arn.lastIndexOf(':'))
    const other = seen.get(family)
    if (other !== undefined)
      return invalidParameter(
        `Two different versions of the same layer are not allowed to be referenced in the same function. ${other} and ${arn} are versions of the same layer.`,
      )
    seen.set(family, arn)
    used.push(layerReference(scope.region, layer))
  }
  return ok(used)
}

/** The rule of 250 MB: code and layers unpacked, together. */
export function checkUnzipped(
  code: CodeLocation,
  layers: readonly LayerReference[] | undefined,
): Result<never, AwsError> | undefined {
  // A package that was stored before its files were counted is below the limit by itself; more is not known of it.
  const codeBytes = code.unzippedBytes ?? 0
  const layerBytes = (layers ?? []).reduce((sum, layer) => sum + layer.unzippedBytes, 0)
  if (layerBytes > limits.unzippedBytes)
    return invalidParameter(`Layers consume more than the available size of ${limits.unzippedBytes} bytes`)
  if (codeBytes + layerBytes <= limits.unzippedBytes) return undefined
  return invalidParameter(
    `Function code combined with layers exceeds the maximum allowed size of ${limits.unzippedBytes} bytes. The actual size is ${codeBytes + layerBytes} bytes.`,
  )
}
