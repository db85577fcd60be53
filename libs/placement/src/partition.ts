import { type AccountUse, type LeaderWorker, versionKeyOf } from '@weft/contracts'
import type { DispatcherFrame, DispatcherHello, WorkerFrame, WorkerHello } from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { settleAccount } from './admitting.ts'
import { freeMb, offers } from './choose-worker.ts'
import { dispatcherFrame, dispatcherHello, dispatcherLost, expireWaiters } from './dispatchers.ts'
import { expectFunction } from './expecting.ts'
import { partitionProblems } from './invariants.ts'
import { isolationChanged } from './isolation.ts'
import { endOrphans, recall, revoke } from './leases.ts'
import { type ProvisionedCounts, type ProvisionedTarget, provisionedChanged, provisionedCounts } from './provisioned.ts'
import { settlePool, settleStarts } from './starts.ts'
import { type ConnectionId, type Decision, type PartitionConfig, PartitionState } from './state.ts'
import { usageOf } from './usage.ts'
import { expireStarts, fenceWorkers, workerFrame, workerHello, workerLost } from './workers.ts'

export type PartitionEvent =
  | { readonly kind: 'dispatcher-hello'; readonly connection: ConnectionId; readonly hello: DispatcherHello }
  | { readonly kind: 'dispatcher-frame'; readonly connection: ConnectionId; readonly frame: DispatcherFrame }
  | { readonly kind: 'dispatcher-lost'; readonly connection: ConnectionId }
  | { readonly kind: 'worker-hello'; readonly connection: ConnectionId; readonly hello: WorkerHello }
  | { readonly kind: 'worker-frame'; readonly connection: ConnectionId; readonly frame: WorkerFrame }
  | { readonly kind: 'worker-lost'; readonly connection: ConnectionId }
  /** The account's ledger has new limits. */
  | { readonly kind: 'limits-changed'; readonly accountId: string }
  /** The sandbox keys under which the function may be called from now on; none when it is removed. */
  | {
      readonly kind: 'function-changed'
      readonly accountId: string
      readonly functionName: string
      readonly currentKeys: ReadonlySet<string>
    }
  /** The function is new, or its code is. */
  | { readonly kind: 'function-expected'; readonly spec: SandboxSpec }
  /** Environments that are to be kept initialised for a function; all of its versions at once. */
  | {
      readonly kind: 'provisioned-changed'
      readonly accountId: string
      readonly functionName: string
      readonly targets: readonly ProvisionedTarget[]
    }
  /** What must keep the sandboxes of a function apart, or of all of an account. */
  | { readonly kind: 'isolation-changed'; readonly accountId: string; readonly functionName: string | undefined }
  /** Once in a few seconds: sandboxes without calls are looked at. */
  | { readonly kind: 'tidy' }
  | { readonly kind: 'tick' }

export interface PartitionCounts {
  readonly rebuilding: boolean
  readonly waiting: number
  readonly leased: number
  readonly idle: number
  readonly starting: number
  readonly stopping: number
  readonly workers: number
  readonly dispatchers: number
  /** Memory of connected workers that take starts; of it, what no sandbox of this partition has. */
  readonly memoryMb: number
  readonly freeMb: number
  /** What starts need that find no room: more workers would help. */
  readonly shortMb: number
}

/**
 * The leader of one partition of placement: sole owner of its leases and counts, from the claim of an epoch until the
 * lead is lost. Everything it knows comes from events, so a new leader rebuilds it from what workers and dispatchers
 * report; until it knows enough it only listens. `now` is monotonic, ms, of one process.
 *
 * The caller must not hand it events once its lead is in doubt: it grants by them.
 */
export class LeasePartition {
  readonly #state: PartitionState

  constructor(config: PartitionConfig, now: number) {
    this.#state = new PartitionState(config, now)
  }

  handle(event: PartitionEvent, now: number): readonly Decision[] {
    const state = this.#state
    this.#apply(event, now)
    if (state.rebuilding && this.#knowsEnough(now)) this.#endRebuild()
    if (!state.rebuilding) this.#settle(now)
    const { out } = state
    state.out = []
    return out
  }

  /** Something waits for time to pass: ticks are wanted, one in 50 ms or so. */
  get restless(): boolean {
    const s = this.#state
    return (
      s.rebuilding ||
      s.waiting > 0 ||
      s.orphans.size > 0 ||
      s.missing.size > 0 ||
      s.starved.size > 0 ||
      s.starting.size > 0 ||
      s.provisioning.size > 0 ||
      s.workers.size > s.workerOf.size
    )
  }

  /** Who must be remembered with the lead, so that a successor knows whose reports it lacks. */
  workersToRemember(): readonly LeaderWorker[] {
    const s = this.#state
    const slots = new Map<string, number>()
    for (const worker of s.workers.values()) {
      // Of one that is away only the leases that are known can be live, and what it may have had under earlier leaders.
      const known = worker.connection === undefined ? worker.sandboxes.size : slotsOf(worker.memoryMb)
      slots.set(worker.id, Math.max(known, s.missing.get(worker.id)?.slots ?? 0))
    }
    for (const [workerId, missing] of s.missing) if (!slots.has(workerId)) slots.set(workerId, missing.slots)
    return Array.from(slots, ([workerId, count]) => ({ workerId, slots: count }))
  }

  counts(): PartitionCounts {
    const s = this.#state
    const of = { starting: 0, idle: 0, leased: 0, stopping: 0 }
    for (const sandbox of s.sandboxes.values()) of[sandbox.state] += 1
    return {
      ...of,
      rebuilding: s.rebuilding,
      waiting: s.waiting,
      workers: s.workerOf.size,
      dispatchers: s.dispatchers.size,
      ...capacity(s),
    }
  }

  /** What accounts use of their concurrency. */
  usage(): readonly AccountUse[] {
    return usageOf(this.#state)
  }

  /** Of the versions of a function, how far their targets are reached. */
  provisioned(accountId: string, functionName: string): readonly ProvisionedCounts[] {
    return provisionedCounts(this.#state, accountId, functionName)
  }

  /** Violated invariants, one sentence each. For tests and the simulator. */
  problems(): readonly string[] {
    return partitionProblems(this.#state)
  }

  #apply(event: PartitionEvent, now: number): void {
    const state = this.#state
    switch (event.kind) {
      case 'dispatcher-hello':
        dispatcherHello(state, event.connection, event.hello, now)
        return
      case 'dispatcher-frame':
        dispatcherFrame(state, event.connection, event.frame, now)
        return
      case 'dispatcher-lost':
        dispatcherLost(state, event.connection, now)
        return
      case 'worker-hello':
        workerHello(state, event.connection, event.hello, now)
        return
      case 'worker-frame':
        workerFrame(state, event.connection, event.frame, now)
        return
      case 'worker-lost':
        workerLost(state, event.connection, now)
        return
      case 'limits-changed': {
        const account = state.accounts.get(event.accountId)
        if (account) state.dirtyAccounts.add(account)
        return
      }
      case 'function-changed':
        this.#retire(event.accountId, event.functionName, event.currentKeys)
        return
      case 'function-expected':
        expectFunction(state, event.spec)
        return
      case 'provisioned-changed':
        provisionedChanged(state, event.accountId, event.functionName, event.targets)
        return
      case 'isolation-changed':
        isolationChanged(state, event.accountId, event.functionName, now)
        return
      case 'tidy':
        if (!state.rebuilding) state.lastUses?.tidy(state, now)
        return
      case 'tick':
        for (const pool of state.provisioning) if (now >= pool.provisionRetryAt) state.dirtyPools.add(pool)
        expireWaiters(state, now)
        fenceWorkers(state, now)
        expireStarts(state, now)
        endOrphans(state, now)
        for (const pool of state.pools.values())
          if (pool.backoffUntil > 0 && now >= pool.backoffUntil) state.dirtyPools.add(pool)
        return
    }
  }

  #retire(accountId: string, functionName: string, currentKeys: ReadonlySet<string>): void {
    const state = this.#state
    if (!state.accounts.get(accountId)?.functions.has(functionName)) return
    for (const pool of state.pools.values()) {
      if (pool.fn.name !== functionName || pool.fn.account.id !== accountId) continue
      pool.retired = !currentKeys.has(versionKeyOf(pool.key))
      if (!pool.retired) continue
      for (const lease of pool.leases) recall(state, lease)
      state.dirtyPools.add(pool)
    }
  }

  #knowsEnough(now: number): boolean {
    const { config, missing, startedAt, timings } = this.#state
    return (config.expected !== undefined && missing.size === 0) || now >= startedAt + timings.rebuildMs
  }

  /** Leases on workers that have not come back are treated as those of a lost worker. */
  #endRebuild(): void {
    const state = this.#state
    state.rebuilding = false
    for (const worker of state.workers.values()) {
      if (worker.connection !== undefined) continue
      for (const { lease } of worker.sandboxes) if (lease) revoke(state, lease, 'its worker is away')
    }
    for (const account of state.accounts.values()) state.dirtyAccounts.add(account)
    for (const pool of state.pools.values()) state.dirtyPools.add(pool)
  }

  #settle(now: number): void {
    const state = this.#state
    do {
      while (state.dirtyAccounts.size + state.dirtyPools.size > 0) {
        for (const account of state.dirtyAccounts) {
          state.dirtyAccounts.delete(account)
          settleAccount(state, account, now)
        }
        for (const pool of state.dirtyPools) {
          state.dirtyPools.delete(pool)
          settlePool(state, pool, now)
        }
      }
      if (state.starved.size > 0) settleStarts(state, now)
    } while (state.dirtyAccounts.size + state.dirtyPools.size > 0)
  }
}

/** The smallest function takes 128 MB, so no more sandboxes than this fit on a worker. */
const slotsOf = (memoryMb: number): number => Math.floor(memoryMb / 128)

function capacity({ workerOf, starved }: PartitionState): Pick<PartitionCounts, 'memoryMb' | 'freeMb' | 'shortMb'> {
  const sums = { memoryMb: 0, freeMb: 0, shortMb: 0 }
  const workers = [...workerOf.values()].filter(({ draining }) => !draining)
  for (const worker of workers) {
    sums.memoryMb += worker.memoryMb
    sums.freeMb += Math.max(0, freeMb(worker))
  }
  for (const pool of starved) {
    const { spec, waiters, starting, idle, target, provisioned } = pool
    if (workers.some((worker) => offers(worker, pool) && freeMb(worker) >= spec.memoryMb)) continue
    const ahead = spec.snapStart ? 0 : target - provisioned.size
    const wanted = waiters.size - starting.size - idle.length + ahead
    sums.shortMb += Math.max(0, wanted) * spec.memoryMb
  }
  return sums
}
