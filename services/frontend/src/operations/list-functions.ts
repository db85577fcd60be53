import { LATEST, ok } from '@weft/contracts'
import { describeListed, notServed } from '@weft/registry'
import type { Management } from './api.ts'
import type { OperationDeps } from './deps.ts'

/** API reference of ListFunctions: a page holds 50 at most, even when more are asked for. */
const mostPerPage = 50

export const listFunctions =
  (deps: OperationDeps): Management['ListFunctions'] =>
  async ({ principal }, input) => {
    if (input.MasterRegion !== undefined) return notServed('MasterRegion')
    const page = deps.markers.page(
      principal.accountId,
      'functions',
      deps.catalogue.functions(principal.accountId),
      (record) => record.functionName,
      { marker: input.Marker, maxItems: input.MaxItems, most: mostPerPage },
    )
    if (!page.ok) return page
    // With ALL, AWS lists versions and shows the unpublished one under its qualifier.
    const qualifier = input.FunctionVersion === 'ALL' ? LATEST : undefined
    return ok({
      Functions: page.value.items.map((record) => describeListed(record, record.latest, qualifier)),
      NextMarker: page.value.nextMarker,
    })
  }
