import { type FunctionVersion, ok } from '@weft/contracts'
import { expectedLatest, resolveFunction } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { describeCurrent } from './describe-current.ts'
import { catalogueWith } from './lookup.ts'

export const getFunction =
  (deps: OperationDeps): Management['GetFunction'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const catalogue = await catalogueWith(deps, scope, input.FunctionName, input.Qualifier)
    const found = resolveFunction(catalogue, scope, input.FunctionName, input.Qualifier)
    if (!found.ok) return found
    const { record, version } = found.value
    return ok({
      Configuration: describeCurrent(deps, found.value),
      Code: locationOf(deps, version === record.latest ? expectedLatest(record) : version),
      ...(Object.keys(record.tags).length > 0 && { Tags: record.tags }),
      ...(record.reservedConcurrency !== undefined && {
        Concurrency: { ReservedConcurrentExecutions: record.reservedConcurrency },
      }),
    })
  }

function locationOf(deps: Pick<OperationDeps, 'codeUrl'>, { code }: FunctionVersion) {
  if (!code.image) {
    const { digest, key, sourceKmsKeyArn: SourceKMSKeyArn } = code
    return { RepositoryType: 'S3', Location: deps.codeUrl(digest, key), ...(SourceKMSKeyArn && { SourceKMSKeyArn }) }
  }
  const { imageUri, resolvedImageUri } = code.image
  return { RepositoryType: 'ECR', ImageUri: imageUri, ResolvedImageUri: resolvedImageUri }
}
