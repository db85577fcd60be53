import { ok } from '@weft/contracts'
import { describeListed } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { findFunction } from './lookup.ts'
import { versionSortKey } from './version-order.ts'

/** API reference of ListVersionsByFunction: a page holds 50 at most, even when more are asked for. */
const mostPerPage = 50

export const listVersionsByFunction =
  (deps: OperationDeps): Management['ListVersionsByFunction'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await findFunction(deps, scope, input.FunctionName)
    if (!found.ok) return found
    const record = found.value
    const { functionName } = record
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
