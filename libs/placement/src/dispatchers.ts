import {
  type AcquireLease,
  type CallsSpent,
  DenialReason,
  type DispatcherFrame,
  type DispatcherHello,
  type Lease as LeaseFrame,
  type LeaseId,
  type ReleaseLease,
} from '@weft/contracts/placement'
import { SandboxSpec } from '@weft/contracts/sandbox'
import { compareLeaseIds, sameLease } from './lease-id.ts'
import { adoptLease, answerProbe, deny, endOrphan, finishAndReuse, forgetWaiter, orphan, revoke } from './leases.ts'
import { addSandbox, newWorker } from './sandboxes.ts'
import type { ConnectionId, Dispatcher, Lease, PartitionState, Waiter } from './state.ts'

/** Longest wait for a sandbox, ms: the longest function timeout and its initialisation. */
const longestWaitMs = 915_000

export function dispatcherHello(
  state: PartitionState,
  connection: ConnectionId,
  hello: DispatcherHello,
  now: number,
): void {
  for (const other of state.dispatchers.values()) {
    if (other.id !== hello.dispatcherId) continue
    // The wire of an older hello was slower than that of a newer one; what it says is out of date.
    if (hello.generation < other.generation) {
      state.hangUp(connection)
      return
    }
    state.hangUp(other.connection)
    dispatcherLost(state, other.connection, now)
  }
  const dispatcher: Dispatcher = {
    connection,
    id: hello.dispatcherId,
    generation: hello.generation,
    waiters: new Map(),
    leases: new Set(),
  }
  state.dispatchers.set(connection, dispatcher)
  state.tell(dispatcher, { $case: 'welcome', value: { epoch: BigInt(state.config.epoch) } })
  for (const held of hello.held) claim(state, dispatcher, held, now)
}

/** A lease that a dispatcher says it holds: taken over, or revoked where it has ended. */
function claim(state: PartitionState, dispatcher: Dispatcher, held: LeaseFrame, now: number): void {
  if (!held.id) return
  const sandbox = state.sandboxes.get(held.sandboxId)
  const lease = sandbox?.lease
  if (lease && sameLease(lease.id, held.id) && !lease.holder && !lease.ending) {
    hold(state, lease, dispatcher)
    // Its worker is away: as if it had been lost with the holder present.
    if (lease.sandbox.worker.connection === undefined && !state.rebuilding) revoke(state, lease, 'its worker is away')
    return
  }
  const worker = state.workers.get(held.workerId)
  const unheardOf = !sandbox && worker?.connection === undefined && Number(held.id.epoch) < state.config.epoch
  if (!unheardOf || !held.sandboxKey) {
    state.tell(dispatcher, {
      $case: 'revoked',
      value: { id: held.id, sandboxId: held.sandboxId, reason: 'the lease has ended' },
    })
    return
  }
  // The worker has not reported yet. What the dispatcher says counts until it does.
  const { sandboxId, sandboxKey, accountId, functionName } = held
  const spec = SandboxSpec.fromPartial({ sandboxKey, accountId, functionName })
  const away = worker ?? newWorker(held.workerId, held.workerAddress, now)
  state.workers.set(away.id, away)
  const adopted = addSandbox(state, sandboxId, spec, away, 'idle', now)
  const taken = adoptLease(state, adopted, held.id, dispatcher, now)
  if (!state.rebuilding) revoke(state, taken, 'its worker is away')
}

function hold(state: PartitionState, lease: Lease, dispatcher: Dispatcher): void {
  lease.holder = dispatcher
  lease.recall = 'none'
  dispatcher.leases.add(lease)
  state.orphans.delete(lease)
}

export function dispatcherFrame(
  state: PartitionState,
  connection: ConnectionId,
  { frame }: DispatcherFrame,
  now: number,
): void {
  const dispatcher = state.dispatchers.get(connection)
  if (!dispatcher || !frame) return
  switch (frame.$case) {
    case 'acquire':
      acquire(state, dispatcher, frame.value, now)
      return
    case 'cancel': {
      const waiter = dispatcher.waiters.get(frame.value.seq)
      if (waiter) forgetWaiter(state, waiter)
      return
    }
    case 'release':
      release(state, dispatcher, frame.value, now)
      return
    case 'busy': {
      const lease = heldBy(state, dispatcher, frame.value.sandboxId, frame.value.id)
      if (!lease) return
      if (frame.value.kept) {
        answerProbe(state, lease)
        return
      }
      lease.recall = 'busy'
      state.dirtyAccounts.add(lease.fn.account)
      return
    }
    case 'spent':
      spent(state, frame.value, now)
      return
    case 'hello':
      return
  }
}

/** Synchronous calls were let in. Whoever lets in more is told when the rate is used up. */
function spent(state: PartitionState, { accountId, functionName, calls }: CallsSpent, now: number): void {
  const ledger = state.accounts.get(accountId)?.ledger ?? state.config.ledgerOf(accountId)
  const forMs = ledger.spend(functionName, calls, now)
  if (forMs === 0) return
  for (const dispatcher of state.dispatchers.values())
    state.tell(dispatcher, { $case: 'rateLimited', value: { accountId, functionName, forMs } })
}

export function dispatcherLost(state: PartitionState, connection: ConnectionId, now: number): void {
  const dispatcher = state.dispatchers.get(connection)
  if (!dispatcher) return
  state.dispatchers.delete(connection)
  for (const waiter of [...dispatcher.waiters.values()]) forgetWaiter(state, waiter)
  for (const lease of [...dispatcher.leases]) orphan(state, lease, now)
}

function acquire(state: PartitionState, dispatcher: Dispatcher, request: AcquireLease, now: number): void {
  const { spec, seq } = request
  if (!spec || dispatcher.waiters.has(seq)) return
  if (state.waiting >= state.config.maxWaiting) {
    state.tell(dispatcher, {
      $case: 'denied',
      value: {
        seq,
        reason: DenialReason.DENIAL_REASON_NO_CAPACITY,
        detail: 'too many calls wait for sandboxes',
        retryAfterSeconds: 1,
      },
    })
    return
  }
  const pool = state.poolOf(spec)
  // A pool rebuilt from a dispatcher's word lacks the specification.
  if (pool.spec.codeDigest === '') pool.spec = spec
  const waitMs = Math.min(request.waitMs || longestWaitMs, longestWaitMs)
  const waiter: Waiter = {
    dispatcher,
    seq,
    pool,
    order: state.nextOrder(),
    until: now + waitMs,
    slot: undefined,
  }
  state.lastUses?.asked(pool.fn, now)
  dispatcher.waiters.set(seq, waiter)
  state.waiting += 1
  state.block(waiter)
}

function release(state: PartitionState, dispatcher: Dispatcher, request: ReleaseLease, now: number): void {
  const lease = heldBy(state, dispatcher, request.sandboxId, request.id)
  if (!lease) return
  const { sandbox } = lease
  if (request.sandboxLost) sandbox.doomed = true
  if (!request.mayStillRun) {
    finishAndReuse(state, lease, now)
    return
  }
  orphan(state, lease, now)
  endOrphan(state, lease)
}

function heldBy(
  state: PartitionState,
  dispatcher: Dispatcher,
  sandboxId: string,
  id: LeaseId | undefined,
): Lease | undefined {
  const lease = state.sandboxes.get(sandboxId)?.lease
  return lease && id && lease.holder === dispatcher && compareLeaseIds(lease.id, id) === 0 ? lease : undefined
}

/** Refuses the acquires that have waited as long as their callers do. */
export function expireWaiters(state: PartitionState, now: number): void {
  if (state.waiting === 0) return
  for (const dispatcher of state.dispatchers.values())
    for (const waiter of [...dispatcher.waiters.values()])
      if (now >= waiter.until) deny(state, waiter, DenialReason.DENIAL_REASON_NO_CAPACITY, 'no sandbox in time')
}
