import type { Leader, Result } from '@weft/contracts'

/**
 * Who leads each partition of placement, by compare-and-set on a shared key. Every claim raises the epoch by one.
 * Observers judge a leader dead when its entry has not changed for `ttlMs` of their own monotonic time, so wall clocks
 * are never compared.
 */
export interface LeaderBoard {
  readonly ttlMs: number
  /** As last seen; undefined when free or expired. */
  leader(partition: number): Leader | undefined
  /** Called at every change, expiry included. Returns the unsubscribe. */
  onLeader(listener: (partition: number, leader: Leader | undefined) => void): () => void
  /**
   * Takes a free or expired lead. The result carries the `workers` of the entry it replaces, a resigned one included
   * (an empty list when there was none before).
   */
  claim(
    partition: number,
    self: { readonly instanceId: string; readonly address: string },
  ): Promise<Result<Leader, 'held'>>
  /**
   * Extends, and stores `leader.workers`; 'lost' when another has claimed meanwhile: the caller must stop acting at once.
   * An attempt of the same leader whose outcome was not seen does not make the next one fail. Rejects when the bus does
   * not answer within a sixth of `ttlMs`, so that there is time to try again.
   */
  renew(partition: number, leader: Leader): Promise<Result<Leader, 'lost'>>
  /** Gives the lead up so that another may claim without waiting. Keeps the epoch and stores `leader.workers`. */
  resign(partition: number, leader: Leader): Promise<void>
}
