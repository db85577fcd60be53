import type { ResolvedFunction, ThrottleReason } from '@weft/contracts'
import type { CallsSpent, RateLimited } from '@weft/contracts/placement'

/** Who shares a rate: a function with reserved concurrency by itself, the others of an account together, as "". */
export interface RatePool {
  readonly accountId: string
  readonly functionName: string
}

export const ratePoolOf = ({ record }: ResolvedFunction): RatePool => ({
  accountId: record.accountId,
  functionName: record.reservedConcurrency === undefined ? '' : record.functionName,
})

export const rateReason = ({ functionName }: RatePool): ThrottleReason =>
  functionName === '' ? 'CallerRateLimitExceeded' : 'ReservedFunctionInvocationRateLimitExceeded'

const keyOf = ({ accountId, functionName }: RatePool): string => `${accountId} ${functionName}`

/**
 * The dispatcher's side of a limit on the rate of calls. It lets calls in at once and tells placement of them afterwards,
 * which says when the rate is used up; what came meanwhile is owed. So a warm call waits for nobody, and without a
 * leader of placement calls go on.
 */
export class RateMeter {
  readonly #spent = new Map<string, CallsSpent>()
  readonly #closedUntil = new Map<string, number>()

  /** Lets a call in: 0; or tells for how long none is, ms. */
  spend(pool: RatePool, now: number): number {
    const key = keyOf(pool)
    const until = this.#closedUntil.get(key)
    if (until !== undefined) {
      if (now < until) return until - now
      this.#closedUntil.delete(key)
    }
    this.#spent.set(key, { ...pool, calls: (this.#spent.get(key)?.calls ?? 0) + 1 })
    return 0
  }

  limited(limit: RateLimited, now: number): void {
    this.#closedUntil.set(keyOf(limit), now + limit.forMs)
  }

  /** What is to be told to placement, once. */
  take(): readonly CallsSpent[] {
    const all = [...this.#spent.values()]
    this.#spent.clear()
    return all
  }
}
