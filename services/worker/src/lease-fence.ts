import type { LeaseId } from '@weft/contracts/placement'

/** Below 0 when `a` was granted before `b`. */
export const compareLeases = (a: LeaseId, b: LeaseId): number =>
  a.epoch !== b.epoch ? (a.epoch < b.epoch ? -1 : 1) : a.number < b.number ? -1 : a.number > b.number ? 1 : 0

/** Which leases may still run invocations in one sandbox: none that is older than one seen, and none that was ended. */
export class LeaseFence {
  #latest: LeaseId | undefined
  #ended: LeaseId | undefined

  get latest(): LeaseId | undefined {
    return this.#latest
  }

  /** False: the lease is stale, nothing may run under it. True makes it the latest. */
  admit(id: LeaseId): boolean {
    if (this.#latest && compareLeases(id, this.#latest) < 0) return false
    if (this.#ended && compareLeases(id, this.#ended) <= 0) return false
    this.#latest = id
    return true
  }

  /** Refuses the lease, and all before it, from now on. */
  end(id: LeaseId): void {
    if (!this.#ended || compareLeases(id, this.#ended) > 0) this.#ended = id
  }
}
