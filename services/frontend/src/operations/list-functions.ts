import { ok } from '@weft/contracts'
import { describeListed, notServed } from '@weft/registry'
import type { Management } from './api.ts'
import type { OperationDeps } from './deps.ts'
import { versionSortKey } from './version-order.ts'

/** API reference of ListFunctions: a page holds 50 at most, even when more are asked for. */
const mostPerPage = 50

export const listFunctions =
  (deps: OperationDeps): Management['ListFunctions'] =>
  async ({ principal: { accountId } }, input) => {
    if (input.MasterRegion !== undefined) return notServed('MasterRegion')
    const { catalogue } = deps
    const all = input.FunctionVersion === 'ALL'
    const entries = catalogue.functions(accountId).flatMap((record) =>
      [record.latest, ...(all ? catalogue.versions(accountId, record.functionName) : [])].map((version) => ({
        record,
        version,
      })),
    )
    const page = deps.markers.page(
      accountId,
      all ? 'all versions' : 'functions',
      entries,
      // A space sorts before every character of a name, so the versions of one function stay together.
      ({ record, version }) =>
        all ? `${record.functionName} ${versionSortKey(version.version)}` : record.functionName,
      { marker: input.Marker, maxItems: input.MaxItems, most: mostPerPage },
    )
    if (!page.ok) return page
    return ok({
      // With ALL, AWS shows every version, the unpublished one too, under its qualifier.
      Functions: page.value.items.map(({ record, version }) =>
        describeListed(record, version, all ? version.version : undefined),
      ),
      NextMarker: page.value.nextMarker,
    })
  }
