import type { SandboxSpec } from '@weft/contracts/sandbox'
import { leaveState, stopSandbox } from './sandboxes.ts'
import type { PartitionState, Pool, Sandbox } from './state.ts'

/** Environments to be kept initialised for one version of a function. */
export interface ProvisionedTarget {
  readonly spec: SandboxSpec
  readonly count: number
  /** With SnapStart: the version waits for its first environment, which may take room from others as a call may. */
  readonly urgent?: boolean
}

/** How far a target is reached. */
export interface ProvisionedCounts {
  readonly sandboxKey: string
  readonly target: number
  /** Sandboxes that exist for it, those that still initialise included. */
  readonly allocated: number
  /** Of them, those that are initialised. */
  readonly available: number
  /** Of these, those that serve a call. */
  readonly busy: number
  /** Why the last one could not be made; undefined when it could. */
  readonly failure: ProvisionFailure | undefined
  /** What its worker said of that; "" when it said nothing. */
  readonly failureReason: string
  /** One has been initialised, even if it is in use now. */
  readonly everAvailable: boolean
  /** When a lease on any environment of the version was last granted or ended, monotonic ms; undefined: none was. */
  readonly lastLeasedAt: number | undefined
  /** Leases on all its environments. */
  readonly leases: number
  /** The most of them of late. */
  peakLeases(now: number): number
}

export type ProvisionFailure = 'init' | 'start' | 'never'

/** Longest initialisation of a provisioned environment (Lambda developer guide, lambda-runtime-environment), ms. */
const leastInitMs = 130_000
const retryMs = { first: 1_000, most: 60_000 }

export function provisionedChanged(
  state: PartitionState,
  accountId: string,
  functionName: string,
  targets: readonly ProvisionedTarget[],
): void {
  const wanted = new Map(targets.map((target) => [target.spec.sandboxKey, target]))
  for (const { spec } of targets) if (!state.pools.has(spec.sandboxKey)) state.poolOf(spec)
  for (const pool of state.pools.values()) {
    if (pool.fn.name !== functionName || pool.fn.account.id !== accountId) continue
    const { count: target = 0, urgent = false } = wanted.get(pool.key) ?? {}
    pool.urgent = urgent
    if (target === pool.target) continue
    pool.target = target
    pool.provisionFailures = 0
    pool.provisionRetryAt = 0
    pool.provisionFailure = undefined
    pool.everProvisioned = false
    state.dirtyPools.add(pool)
  }
}

/** How many starts its target still wants. */
export const provisionsWanted = (pool: Pool, now: number): number =>
  now < pool.provisionRetryAt ? 0 : Math.max(0, pool.target - pool.provisioned.size)

/** Gives up what is beyond the target, those that serve last, and tells the ledger how many there are. */
export function settleProvisioned(state: PartitionState, pool: Pool, now: number): void {
  if (pool.provisioned.size > pool.target) {
    const order = { starting: 0, idle: 1, leased: 2, stopping: 3 }
    const surplus = [...pool.provisioned].sort((a, b) => order[a.state] - order[b.state])
    for (const sandbox of surplus.slice(0, pool.provisioned.size - pool.target)) giveUp(state, sandbox, now)
  }
  if (pool.target > pool.provisioned.size) state.provisioning.add(pool)
  else state.provisioning.delete(pool)
  // A call that is restored counts like any other: only provisioned concurrency is capacity of its own.
  const ready = pool.spec.snapStart ? 0 : available(pool)
  if (ready === pool.toldReady) return
  pool.toldReady = ready
  pool.fn.account.ledger.provision(pool.fn.name, pool.spec.version, ready)
  state.dirtyAccounts.add(pool.fn.account)
}

/** Its worker would keep it for ever: it is stopped, at the latest when its lease ends. */
function giveUp(state: PartitionState, sandbox: Sandbox, now: number): void {
  if (sandbox.state === 'starting') leaveState(state, sandbox)
  unmark(sandbox)
  if (sandbox.state === 'leased') sandbox.doomed = true
  else if (sandbox.state !== 'stopping') stopSandbox(state, sandbox, 'no longer provisioned', now)
}

export function mark(sandbox: Sandbox): void {
  sandbox.provisioned = true
  sandbox.pool.provisioned.add(sandbox)
}

export function unmark(sandbox: Sandbox): void {
  sandbox.provisioned = false
  sandbox.pool.provisioned.delete(sandbox)
}

/** It is kept for its version whatever others need. One that waits for SnapStart is not: a call does without it. */
export const isKept = ({ provisioned, pool }: Sandbox): boolean => provisioned && !pool.spec.snapStart

/** The first call of a sandbox that was initialised for SnapStart makes it one like any other; another takes its place. */
export function restored(state: PartitionState, sandbox: Sandbox): void {
  if (!sandbox.provisioned || !sandbox.pool.spec.snapStart) return
  unmark(sandbox)
  state.dirtyPools.add(sandbox.pool)
}

/** Nobody waits for it: it is tried again, later and later. */
export function provisionFailed(
  state: PartitionState,
  pool: Pool,
  failure: ProvisionFailure,
  now: number,
  reason = '',
): void {
  pool.provisionFailure = failure
  pool.provisionFailureReason = reason
  pool.provisionRetryAt = now + Math.min(retryMs.most, retryMs.first * 2 ** Math.min(10, pool.provisionFailures))
  pool.provisionFailures += 1
  state.dirtyPools.add(pool)
}

export function provisionSucceeded(pool: Pool): void {
  pool.everProvisioned = true
  pool.provisionFailures = 0
  pool.provisionRetryAt = 0
  pool.provisionFailure = undefined
}

/** Longest time that its start may take. */
export const provisionTimeoutMs = (state: PartitionState, { spec }: Pool): number =>
  state.timings.startTimeoutMs + Math.max(leastInitMs, spec.timeoutMs)

export function provisionedCounts(state: PartitionState, accountId: string, functionName: string): ProvisionedCounts[] {
  const counts: ProvisionedCounts[] = []
  for (const pool of state.pools.values()) {
    if (pool.fn.name !== functionName || pool.fn.account.id !== accountId) continue
    const { key: sandboxKey, target, provisioned, leases, lastLeasedAt, provisionFailure: failure } = pool
    const busy = [...provisioned].filter(({ state }) => state === 'leased').length
    counts.push({
      ...{ sandboxKey, target, allocated: provisioned.size, available: available(pool), busy, failure },
      ...{ failureReason: pool.provisionFailureReason, lastLeasedAt, leases: leases.size },
      peakLeases: (now) => pool.leasePeak.value(leases.size, now),
      everAvailable: pool.everProvisioned || available(pool) > 0,
    })
  }
  return counts
}

const available = ({ provisioned }: Pool): number => {
  let count = 0
  for (const { state } of provisioned) if (state === 'idle' || state === 'leased') count += 1
  return count
}
