import { bestWorker } from './choose-worker.ts'
import type { KeepWarmPolicy } from './keep-warm.ts'
import { stopSandbox } from './sandboxes.ts'
import { start } from './starts.ts'
import type { FunctionState, PartitionState, Pool } from './state.ts'

/** The last of a function that is not called at present. */
interface LastUse {
  readonly endedAt: number
  readonly pool: Pool
}

/** Since when functions have been without calls, as far as a policy wants to know. */
export class LastUses {
  readonly #policy: KeepWarmPolicy
  readonly #uses = new Map<string, LastUse>()

  constructor(policy: KeepWarmPolicy) {
    this.#policy = policy
  }

  /** A lease has ended; it may not have been the function's last. */
  ended(pool: Pool, now: number): void {
    if (pool.fn.leases.size === 0) this.#uses.set(keyOf(pool.fn), { endedAt: now, pool })
  }

  /** A call wants a lease. */
  asked(fn: FunctionState, now: number): void {
    const key = keyOf(fn)
    const use = this.#uses.get(key)
    if (!use) return
    this.#uses.delete(key)
    this.#policy.observe(key, now - use.endedAt)
  }

  /** Stops what is kept in vain, and makes ready what is expected to be called soon. */
  tidy(state: PartitionState, now: number): void {
    for (const [key, { endedAt, pool: last }] of this.#uses) {
      // The pool may have been forgotten with its last sandbox, and made anew.
      const pool = state.pools.get(last.key) ?? last
      const idleMs = now - endedAt
      const { keepMs, again } = this.#policy.plan(key)
      const wanted = idleMs <= keepMs || (again !== undefined && idleMs >= again.fromMs && idleMs <= again.untilMs)
      if (!wanted) {
        for (const sandbox of [...pool.idle])
          if (!sandbox.provisioned) stopSandbox(state, sandbox, 'no call is expected soon', now)
        state.dirtyPools.add(pool)
        if (!again || idleMs > again.untilMs) this.#uses.delete(key)
      } else if (idleMs > keepMs) this.#makeReady(state, pool, now)
    }
  }

  /** One, where there is room without taking any from others. */
  #makeReady(state: PartitionState, last: Pool, now: number): void {
    if (last.retired) return
    const pool = state.poolOf(last.spec)
    if (pool.idle.length + pool.starting.size + pool.leases.size > 0) return
    const worker = bestWorker(state, pool, new Map(), now, 'starting')
    if (worker && worker !== 'busy') start(state, pool, worker, now, false)
    else state.dirtyPools.add(pool)
  }
}

const keyOf = ({ account, name }: FunctionState): string => `${account.id}/${name}`
