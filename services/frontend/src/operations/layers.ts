import { type AwsError, err, type LayerVersion, layerArn, layerKeys, ok, type Result } from '@weft/contracts'
import {
  checkCompatibleRuntimes,
  conflict,
  describeLayerVersion,
  describeListedLayer,
  invalidParameter,
  layerDenied,
  mayUseLayer,
  type NamedLayer,
  nameLayer,
  notFound,
  parseLayerVersionArn,
  publishLayerVersion as publish,
  type Scope,
} from '@weft/registry'
import type { Management } from './api.ts'
import type { CallContext } from './context.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { isLayerVersion, readLayer } from './find-layers.ts'
import { mergeTries } from './lookup.ts'
import { readPackage } from './read-package.ts'

/** API reference of ListLayers and ListLayerVersions: 50 to a page at most. */
const mostPerPage = 50

const noResource = (): Result<never, AwsError> => notFound('The resource you requested does not exist.')

/** A layer of the caller's own account. Errors: another account's or region's. */
export function ownLayer(
  scope: Scope,
  { principal }: CallContext,
  ref: string,
  action: string,
): Result<NamedLayer, AwsError> {
  const named = nameLayer(scope, ref)
  if (!named.ok) return named
  const { accountId, region, layerName } = named.value
  if (accountId === scope.accountId && region === scope.region) return named
  return err({
    code: 'AccessDeniedException',
    message: `User: ${principal.arn} is not authorized to perform: lambda:${action} on resource: ${layerArn(region, accountId, layerName)}`,
  })
}

export const publishLayerVersion =
  (deps: OperationDeps): Management['PublishLayerVersion'] =>
  async (context, input) => {
    const scope = scopeOf(deps, context.principal)
    const named = ownLayer(scope, context, input.LayerName, 'PublishLayerVersion')
    if (!named.ok) return named
    const problem = checkCompatibleRuntimes(input.CompatibleRuntimes, deps.offer())
    if (problem) return problem
    const given = await readPackage(deps, scope, input.Content)
    if (!given.ok) return given
    await deps.code.put(given.value.zip)
    const version = await takeNumber(deps, named.value)
    if (!version.ok) return version
    const made = publish(named.value, version.value, input, given.value, deps.offer(), deps.clock.now())
    if (!made.ok) return made
    const created = await deps.layers.store.create(keyOf(made.value), made.value)
    if (!created.ok) throw new Error(`version ${version.value} of layer ${input.LayerName} was there before`)
    return ok(describe(deps, made.value))
  }

/** The next number of a layer, taken before its version is stored: a crash in between costs a number, and none is given twice. */
async function takeNumber(
  deps: OperationDeps,
  { accountId, layerName }: NamedLayer,
): Promise<Result<number, AwsError>> {
  const key = layerKeys.numbering(accountId, layerName)
  const { store } = deps.layers
  for (let left = mergeTries; left > 0; left--) {
    const stored = await store.read(key)
    const last = stored && 'lastVersion' in stored.value ? stored.value.lastVersion : 0
    const next = { lastVersion: last + 1 }
    const taken = stored ? await store.replace(key, next, stored.revision) : await store.create(key, next)
    if (taken.ok) return ok(next.lastVersion)
  }
  return conflict(`The operation cannot be performed at this time. Versions of layer ${layerName} are being published.`)
}

const keyOf = ({ accountId, layerName, version }: LayerVersion): string =>
  layerKeys.version(accountId, layerName, version)

const describe = (deps: OperationDeps, layer: LayerVersion) =>
  describeLayerVersion(deps.region, layer, deps.codeUrl(layer.code.digest))

async function get(
  deps: OperationDeps,
  { principal }: CallContext,
  { accountId, region, layerName }: NamedLayer,
  version: number,
) {
  if (version < 1) return invalidParameter('Layer Version Cannot be less than 1')
  const layer = region === deps.region ? await readLayer(deps, { accountId, layerName, version }) : undefined
  // Whether another account's layer exists is not told to who may not use it.
  if (accountId !== principal.accountId && !(layer && mayUseLayer(layer, principal.accountId)))
    return layerDenied(principal.arn, layerArn(region, accountId, layerName, version))
  return layer ? ok(describe(deps, layer)) : noResource()
}

export const getLayerVersion =
  (deps: OperationDeps): Management['GetLayerVersion'] =>
  async (context, input) => {
    const named = nameLayer(scopeOf(deps, context.principal), input.LayerName)
    return named.ok ? get(deps, context, named.value, input.VersionNumber) : named
  }

export const getLayerVersionByArn =
  (deps: OperationDeps): Management['GetLayerVersionByArn'] =>
  async (context, input) => {
    const ref = parseLayerVersionArn(input.Arn)
    return ref ? get(deps, context, ref, ref.version) : noResource()
  }

/** What a layer that does not exist, or a version that is gone, is as good as: deleted. 204, as on AWS. */
export const deleteLayerVersion =
  (deps: OperationDeps): Management['DeleteLayerVersion'] =>
  async (context, input) => {
    const scope = scopeOf(deps, context.principal)
    const named = ownLayer(scope, context, input.LayerName, 'DeleteLayerVersion')
    if (!named.ok) return named
    if (input.VersionNumber < 1) return invalidParameter('Layer Version Cannot be less than 1')
    const key = layerKeys.version(scope.accountId, named.value.layerName, input.VersionNumber)
    const { store } = deps.layers
    for (let left = mergeTries; left > 0; left--) {
      const stored = await store.read(key)
      if (!stored || (await store.remove(key, stored.revision)).ok) return ok({})
    }
    return conflict('The operation cannot be performed at this time. The layer version is being changed.')
  }

interface Compatible {
  readonly CompatibleRuntime?: string | undefined
  readonly CompatibleArchitecture?: string | undefined
}

/** A layer that names no runtime or architecture is not found by one, as on AWS. */
const fits = (layer: LayerVersion, { CompatibleRuntime, CompatibleArchitecture }: Compatible): boolean =>
  (CompatibleRuntime === undefined || layer.compatibleRuntimes.includes(CompatibleRuntime)) &&
  (CompatibleArchitecture === undefined || layer.compatibleArchitectures.includes(CompatibleArchitecture))

export const listLayerVersions =
  (deps: OperationDeps): Management['ListLayerVersions'] =>
  async (context, input) => {
    const scope = scopeOf(deps, context.principal)
    const named = ownLayer(scope, context, input.LayerName, 'ListLayerVersions')
    if (!named.ok) return named
    const { layerName } = named.value
    const newestFirst = deps.layers
      .list(`${scope.accountId}.${layerName}.`)
      .filter(isLayerVersion)
      .filter((layer) => fits(layer, input))
      .sort((a, b) => b.version - a.version)
    const page = deps.markers.page(scope.accountId, `layer-versions ${layerName}`, newestFirst, downwards, {
      marker: input.Marker,
      maxItems: input.MaxItems,
      most: mostPerPage,
    })
    if (!page.ok) return page
    return ok({
      LayerVersions: page.value.items.map((layer) => describeListedLayer(deps.region, layer)),
      NextMarker: page.value.nextMarker,
    })
  }

/** Sorts as text from the highest number down. */
const downwards = ({ version }: LayerVersion): string => String(Number.MAX_SAFE_INTEGER - version).padStart(16, '0')

export const listLayers =
  (deps: OperationDeps): Management['ListLayers'] =>
  async ({ principal }, input) => {
    const newest = new Map<string, LayerVersion>()
    for (const layer of deps.layers.list(`${principal.accountId}.`).filter(isLayerVersion)) {
      const known = newest.get(layer.layerName)
      if (fits(layer, input) && !(known && known.version > layer.version)) newest.set(layer.layerName, layer)
    }
    const byName = [...newest.values()].sort((a, b) => (a.layerName < b.layerName ? -1 : 1))
    const page = deps.markers.page(principal.accountId, 'layers', byName, (layer) => layer.layerName, {
      marker: input.Marker,
      maxItems: input.MaxItems,
      most: mostPerPage,
    })
    if (!page.ok) return page
    return ok({
      Layers: page.value.items.map((layer) => ({
        LayerName: layer.layerName,
        LayerArn: layerArn(deps.region, layer.accountId, layer.layerName),
        LatestMatchingVersion: describeListedLayer(deps.region, layer),
      })),
      NextMarker: page.value.nextMarker,
    })
  }
