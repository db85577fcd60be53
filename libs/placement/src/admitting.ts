import { DenialReason } from '@weft/contracts/placement'
import { deny, probe, recall } from './leases.ts'
import type { Account, Lease, PartitionState, Waiter } from './state.ts'

/** Leases of other dispatchers that one waiter asks whether they are idle. */
const probesPerWaiter = 8

/**
 * Gives free slots to the oldest acquires of an account. For what stays without a slot, leases that compete for it are
 * recalled, all of them in the end, and it waits as long as an answer may still free one; then it is refused. So nobody
 * is throttled while a lease sits idle somewhere.
 */
export function settleAccount(state: PartitionState, account: Account, now: number): void {
  if (account.blocked.size === 0) return
  const withheld = state.withheld()
  const refused = new Map<string, 'account' | 'function'>()
  for (;;) {
    const waiter = oldestBlocked(account, refused)
    if (!waiter) break
    const { pool } = waiter
    const admission = account.ledger.admit(pool.fn.name, pool.spec.version, withheld)
    if (!admission.ok) {
      refused.set(account.ledger.poolOf(pool.fn.name), admission.error)
      continue
    }
    state.unblock(waiter)
    waiter.slot = admission.value
    pool.waiters.add(waiter)
    state.dirtyPools.add(pool)
    if (pool.idle.length < pool.waiters.size) askOthers(state, waiter, now)
  }
  for (const [name, reason] of refused) settleRefused(state, account, name, reason, withheld)
}

function settleRefused(
  state: PartitionState,
  account: Account,
  poolName: string,
  reason: 'account' | 'function',
  withheld: number,
): void {
  const everyone = account.ledger.used + withheld >= account.ledger.accountLimit
  const blocked: Waiter[] = []
  const unasked: Lease[] = []
  let pending = withheld
  let busy = 0
  for (const fn of account.functions.values()) {
    const same = account.ledger.poolOf(fn.name) === poolName
    if (same) blocked.push(...fn.blocked)
    if (!same && !everyone) continue
    for (const lease of fn.leases) {
      // Without a holder it ends as soon as its worker has answered or is fenced.
      if (!lease.holder || lease.recall === 'asked') pending += 1
      else if (lease.recall === 'busy') busy += 1
      else unasked.push(lease)
    }
  }
  // No more are asked than are wanted, because a busy one that was asked is given up when its invocation ends; twice as
  // many with every answer of that kind, so that the last one is found soon.
  let ask = blocked.length > pending ? Math.max(blocked.length - pending, busy) : 0
  for (const lease of unasked) {
    if (ask === 0) break
    recall(state, lease)
    pending += 1
    ask -= 1
  }
  if (blocked.length <= pending) return
  blocked.sort((a, b) => a.order - b.order)
  for (const waiter of blocked.slice(pending)) {
    const code =
      reason === 'function'
        ? DenialReason.DENIAL_REASON_FUNCTION_CONCURRENCY
        : DenialReason.DENIAL_REASON_ACCOUNT_CONCURRENCY
    deny(state, waiter, code, reason === 'function' ? 'the function is at its limit' : 'the account is at its limit', 1)
  }
}

function oldestBlocked(account: Account, refused: ReadonlyMap<string, unknown>): Waiter | undefined {
  let oldest: Waiter | undefined
  for (const fn of account.blocked) {
    const [head] = fn.blocked
    if (!head || (oldest && oldest.order < head.order) || refused.has(account.ledger.poolOf(fn.name))) continue
    oldest = head
  }
  return oldest
}

/** A lease that sits idle in another dispatcher serves sooner than a new sandbox. */
function askOthers(state: PartitionState, waiter: Waiter, now: number): void {
  const { pool } = waiter
  let asked = 0
  for (const lease of pool.leases) {
    if (!lease.holder || lease.holder === waiter.dispatcher || lease.probing || lease.recall !== 'none') continue
    probe(state, lease)
    asked += 1
    if (asked === probesPerWaiter) break
  }
  if (asked > 0) pool.probeUntil = now + state.timings.probeMs
}
