import { isolates } from '@weft/contracts'
import { recall } from './leases.ts'
import { stopSandbox } from './sandboxes.ts'
import type { PartitionState, Pool, Sandbox } from './state.ts'

/**
 * What must keep sandboxes apart may have changed, for one function or for all of an account. What runs on workers that no
 * longer suffice ends when its invocation does, and nothing new runs there.
 */
export function isolationChanged(
  state: PartitionState,
  accountId: string,
  functionName: string | undefined,
  now: number,
): void {
  for (const pool of state.pools.values()) {
    if (pool.fn.account.id !== accountId || (functionName !== undefined && pool.fn.name !== functionName)) continue
    const needed = state.config.isolationOf?.(accountId, pool.fn.name) ?? ''
    if (needed === pool.isolation) continue
    pool.isolation = needed
    for (const sandbox of [...pool.idle]) if (isTooWeak(sandbox)) stopSandbox(state, sandbox, reason(pool), now)
    for (const sandbox of pool.starting) if (isTooWeak(sandbox)) sandbox.doomed = true
    for (const lease of pool.leases) {
      if (!isTooWeak(lease.sandbox)) continue
      lease.sandbox.doomed = true
      recall(state, lease)
    }
    state.dirtyPools.add(pool)
  }
}

export const isTooWeak = ({ worker, pool }: Sandbox): boolean => !isolates(worker.isolation, pool.isolation)

const reason = ({ isolation }: Pool): string => `its function needs the isolation ${isolation}`
