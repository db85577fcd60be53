import { accountId as asAccountId, isFunctionName, isolationTag, strictest } from '@weft/contracts'
import type { Catalogue } from '@weft/registry'

/** What must at least keep the sandboxes of a function apart: what its account needs, or its tag where that asks for more. */
export function isolationNeeded(catalogue: Catalogue, account: string, name: string): string {
  const id = asAccountId(account)
  const tags = isFunctionName(name) ? catalogue.function(id, name)?.tags : undefined
  return strictest(catalogue.account(id)?.isolation, tags?.[isolationTag])
}
