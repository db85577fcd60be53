import type { Lease as LeaseFrame, LeaseId } from '@weft/contracts/placement'
import { restored } from './provisioned.ts'
import { leaveState, makeAvailable, removeSandbox } from './sandboxes.ts'
import type { Dispatcher, Lease, PartitionState, Sandbox, Waiter } from './state.ts'

/** Gives an idle sandbox to a waiter that holds a slot. */
export function grant(state: PartitionState, waiter: Waiter, sandbox: Sandbox, now: number): void {
  if (!waiter.slot) throw new Error('a grant needs a slot')
  const lease = record(state, sandbox, state.nextLeaseId(), waiter.slot, waiter.dispatcher, now)
  waiter.slot = undefined
  forgetWaiter(state, waiter)
  const cold = !sandbox.everLeased
  sandbox.everLeased = true
  state.tell(waiter.dispatcher, { $case: 'granted', value: { seq: waiter.seq, lease: toFrame(lease), cold } })
}

/** Counts a lease that an earlier leader granted. */
export function adoptLease(
  state: PartitionState,
  sandbox: Sandbox,
  id: LeaseId,
  holder: Dispatcher | undefined,
  now: number,
): Lease {
  sandbox.everLeased = true
  return record(state, sandbox, id, sandbox.pool.fn.account.ledger.count(sandbox.pool.fn.name), holder, now)
}

function record(
  state: PartitionState,
  sandbox: Sandbox,
  id: LeaseId,
  slot: Lease['slot'],
  holder: Dispatcher | undefined,
  now: number,
): Lease {
  if (sandbox.lease) throw new Error(`sandbox ${sandbox.id} has a lease already`)
  const { pool } = sandbox
  const lease: Lease = {
    id,
    sandbox,
    fn: pool.fn,
    slot,
    holder,
    orphanedAt: now,
    ending: false,
    recall: 'none',
    probing: false,
  }
  leaveState(state, sandbox)
  sandbox.state = 'leased'
  sandbox.since = now
  sandbox.lease = lease
  restored(state, sandbox)
  pool.lastLeasedAt = now
  pool.leases.add(lease)
  pool.leasePeak.note(pool.leases.size, now)
  pool.fn.leases.add(lease)
  if (holder) holder.leases.add(lease)
  else state.orphans.add(lease)
  return lease
}

/** Nothing runs under the lease any more: its slot is free. The caller decides about the sandbox. */
export function finishLease(state: PartitionState, lease: Lease): void {
  const { sandbox } = lease
  answerProbe(state, lease)
  lease.holder?.leases.delete(lease)
  lease.holder = undefined
  state.orphans.delete(lease)
  sandbox.pool.leases.delete(lease)
  lease.fn.leases.delete(lease)
  sandbox.lease = undefined
  lease.slot.release()
  state.dirtyAccounts.add(lease.fn.account)
  state.dirtyPools.add(sandbox.pool)
}

/** Ends a lease and puts its sandbox back to use. */
export function finishAndReuse(state: PartitionState, lease: Lease, now: number): void {
  finishLease(state, lease)
  lease.sandbox.pool.lastLeasedAt = now
  state.lastUses?.ended(lease.sandbox.pool, now)
  makeAvailable(state, lease.sandbox, now)
}

/** Ends a lease whose sandbox no longer exists. */
export function finishAndRemove(state: PartitionState, lease: Lease): void {
  finishLease(state, lease)
  removeSandbox(state, lease.sandbox)
}

/** No dispatcher holds it any more, but something may run: counted until the worker tells. */
export function orphan(state: PartitionState, lease: Lease, now: number): void {
  answerProbe(state, lease)
  lease.holder?.leases.delete(lease)
  lease.holder = undefined
  lease.orphanedAt = now
  state.orphans.add(lease)
  state.dirtyAccounts.add(lease.fn.account)
}

/** Has the worker refuse the lease and tell when nothing runs under it. */
export function endOrphan(state: PartitionState, lease: Lease): void {
  if (lease.ending || lease.holder || lease.sandbox.worker.connection === undefined) return
  lease.ending = true
  state.tellWorker(lease.sandbox.worker, {
    $case: 'endLease',
    value: { sandboxId: lease.sandbox.id, id: lease.id },
  })
}

/** Ends the leases whose dispatcher has been away for longer than the grace. */
export function endOrphans(state: PartitionState, now: number): void {
  for (const lease of state.orphans) if (now >= lease.orphanedAt + state.timings.orphanGraceMs) endOrphan(state, lease)
}

/** Tells the holder that nothing new may run; it releases when nothing runs. */
export function revoke(state: PartitionState, lease: Lease, reason: string): void {
  if (!lease.holder) return
  state.tell(lease.holder, { $case: 'revoked', value: { id: lease.id, sandboxId: lease.sandbox.id, reason } })
  lease.recall = 'asked'
}

/** Asks for the lease, now or when its invocation ends. */
export function recall(state: PartitionState, lease: Lease): void {
  if (!lease.holder || lease.recall !== 'none') return
  lease.recall = 'asked'
  state.tell(lease.holder, {
    $case: 'recall',
    value: { id: lease.id, sandboxId: lease.sandbox.id, ifIdle: false },
  })
}

export function probe(state: PartitionState, lease: Lease): void {
  if (!lease.holder || lease.probing || lease.recall !== 'none') return
  lease.probing = true
  lease.sandbox.pool.probing += 1
  state.tell(lease.holder, { $case: 'recall', value: { id: lease.id, sandboxId: lease.sandbox.id, ifIdle: true } })
}

export function answerProbe(state: PartitionState, lease: Lease): void {
  if (!lease.probing) return
  lease.probing = false
  lease.sandbox.pool.probing -= 1
  state.dirtyPools.add(lease.sandbox.pool)
}

/** Takes a waiter out of every queue and gives its slot back. */
export function forgetWaiter(state: PartitionState, waiter: Waiter): void {
  const { pool, dispatcher } = waiter
  if (!dispatcher.waiters.delete(waiter.seq)) return
  state.waiting -= 1
  pool.waiters.delete(waiter)
  state.unblock(waiter)
  if (waiter.slot) {
    waiter.slot.release()
    waiter.slot = undefined
    state.dirtyAccounts.add(pool.fn.account)
  }
  state.dirtyPools.add(pool)
}

export function deny(
  state: PartitionState,
  waiter: Waiter,
  reason: 1 | 2 | 3 | 4 | 5 | 6 | 7,
  detail: string,
  retryAfterSeconds = 0,
): void {
  forgetWaiter(state, waiter)
  state.tell(waiter.dispatcher, { $case: 'denied', value: { seq: waiter.seq, reason, detail, retryAfterSeconds } })
}

function toFrame(lease: Lease): LeaseFrame {
  const { sandbox } = lease
  return {
    id: lease.id,
    sandboxId: sandbox.id,
    workerId: sandbox.worker.id,
    workerAddress: sandbox.worker.address,
    sandboxKey: sandbox.pool.key,
    accountId: lease.fn.account.id,
    functionName: lease.fn.name,
  }
}
