import type { AccountUse, FunctionUse, ProvisionedUse } from '@weft/contracts'
import type { Account, PartitionState, Sandbox } from './state.ts'

/** What the accounts of a partition use, for metrics. */
export function usageOf(state: PartitionState): AccountUse[] {
  const provisioned = new Map<Account, Map<string, ProvisionedUse[]>>()
  const accounts = new Set<Account>()
  for (const { fn, spec, provisioned: own, target } of state.pools.values()) {
    accounts.add(fn.account)
    // Environments that wait for SnapStart are nobody's concurrency.
    if (spec.snapStart || target + own.size === 0) continue
    const ofAccount = provisioned.get(fn.account) ?? new Map<string, ProvisionedUse[]>()
    provisioned.set(fn.account, ofAccount)
    const busy = inState(own, 'leased')
    const use = { version: spec.version, available: busy + inState(own, 'idle'), busy }
    ofAccount.set(fn.name, [...(ofAccount.get(fn.name) ?? []), use])
  }
  return [...accounts].map((account) => ({
    ...{ accountId: account.id, limit: account.ledger.accountLimit, used: account.ledger.used },
    functions: functionsOf(account, provisioned.get(account) ?? new Map()),
  }))
}

const inState = (sandboxes: ReadonlySet<Sandbox>, wanted: Sandbox['state']): number => {
  let count = 0
  for (const { state } of sandboxes) if (state === wanted) count += 1
  return count
}

const functionsOf = (account: Account, provisioned: ReadonlyMap<string, readonly ProvisionedUse[]>): FunctionUse[] =>
  [...account.functions.values()].flatMap(({ name, leases }) => {
    const ready = provisioned.get(name) ?? []
    return leases.size + ready.length > 0 ? [{ functionName: name, used: leases.size, provisioned: ready }] : []
  })
