import { ok } from '@weft/contracts'
import { arnOf, describeListed, functionNotFound, nameFunction } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith } from './lookup.ts'
import { versionSortKey } from './version-order.ts'

/** API reference of ListVersionsByFunction: a page holds 50 at most, even when more are asked for. */
const mostPerPage = 50

export const listVersionsByFunction =
  (deps: OperationDeps): Management['ListVersionsByFunction'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName)
    if (!named.ok) return named
    const { functionName } = named.value
    const catalogue = await catalogueWith(deps, scope, functionName)
    const record = catalogue.function(scope.accountId, functionName)
    if (!record) return functionNotFound(arnOf(scope, functionName))
    const page = deps.markers.page(
      scope.accountId,
      `versions ${functionName}`,
      [record.latest, ...deps.catalogue.versions(scope.accountId, functionName)],
      (version) => versionSortKey(version.version),
      { marker: input.Marker, maxItems: input.MaxItems, most: mostPerPage },
    )
    if (!page.ok) return page
    return ok({
      Versions: page.value.items.map((version) => describeListed(record, version, version.version)),
      NextMarker: page.value.nextMarker,
    })
  }
