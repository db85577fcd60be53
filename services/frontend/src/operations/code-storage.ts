import { type AccountId, type CodeLocation, limits } from '@weft/contracts'
import type { OperationDeps } from './deps.ts'
import { isLayerVersion } from './find-layers.ts'

type Deps = Pick<OperationDeps, 'catalogue' | 'layers'>

/**
 * Packages that an account stores, bytes; every version of a function and of a layer counts its own, as on AWS, where
 * images are not counted.
 */
export function storedCodeBytes(deps: Deps, account: AccountId): number {
  const all = [
    ...codeOf(deps, account),
    ...deps.layers
      .list(`${account}.`)
      .filter(isLayerVersion)
      .map(({ code }) => code),
  ]
  return all.reduce((sum, { image, sizeBytes }) => sum + (image ? 0 : sizeBytes), 0)
}

/**
 * Layers of images that an account stores when it has another, bytes; each layer once. Beside its packages it may have as
 * much again in images.
 */
export function imageBytesWith(deps: Pick<Deps, 'catalogue'>, account: AccountId, added: CodeLocation): number {
  const layers = [added, ...codeOf(deps, account)].flatMap(({ image }) => image?.layers ?? [])
  return [...new Map(layers.map(({ digest, sizeBytes }) => [digest, sizeBytes])).values()].reduce((a, b) => a + b, 0)
}

const codeOf = ({ catalogue }: Pick<Deps, 'catalogue'>, account: AccountId): CodeLocation[] =>
  catalogue
    .functions(account)
    .flatMap((record) => [
      record.latest,
      ...(record.imageImport?.change ? [record.imageImport.change] : []),
      ...catalogue.versions(account, record.functionName),
    ])
    .map(({ code }) => code)

/** What it may store, bytes. */
export const codeStorageLimitOf = ({ catalogue }: Pick<Deps, 'catalogue'>, account: AccountId): number =>
  catalogue.account(account)?.codeStorageBytes ?? limits.codeStorageBytes
