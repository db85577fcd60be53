import { type AccountId, limits } from '@weft/contracts'
import type { OperationDeps } from './deps.ts'
import { isLayerVersion } from './find-layers.ts'

type Deps = Pick<OperationDeps, 'catalogue' | 'layers'>

/** Code that an account stores, bytes; every version of a function and of a layer counts its own, as on AWS. */
export function storedCodeBytes({ catalogue, layers }: Deps, account: AccountId): number {
  const versions = catalogue
    .functions(account)
    .flatMap((record) => [record.latest, ...catalogue.versions(account, record.functionName)])
  const all = [...versions, ...layers.list(`${account}.`).filter(isLayerVersion)]
  return all.reduce((sum, { code }) => sum + code.sizeBytes, 0)
}

/** What it may store, bytes. */
export const codeStorageLimitOf = ({ catalogue }: Pick<Deps, 'catalogue'>, account: AccountId): number =>
  catalogue.account(account)?.codeStorageBytes ?? limits.codeStorageBytes
