import { LATEST, ok } from '@weft/contracts'
import { arnOf, describeListed, functionNotFound, nameFunction } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith } from './lookup.ts'

export const listVersionsByFunction =
  (deps: OperationDeps): Management['ListVersionsByFunction'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName)
    if (!named.ok) return named
    const catalogue = await catalogueWith(deps, scope, input.FunctionName)
    const record = catalogue.function(scope.accountId, named.value.functionName)
    if (!record) return functionNotFound(arnOf(scope, named.value.functionName))
    const page = deps.markers.page(
      scope.accountId,
      `versions ${record.functionName}`,
      [record.latest],
      (version) => version.version,
      { marker: input.Marker, maxItems: input.MaxItems, most: 50 },
    )
    if (!page.ok) return page
    return ok({
      Versions: page.value.items.map((version) => describeListed(record, version, LATEST)),
      NextMarker: page.value.nextMarker,
    })
  }
