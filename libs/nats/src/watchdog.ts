import type { ConsumerInfo } from '@nats-io/jetstream'

/** What a consumer said of itself after a pull that brought nothing. */
export interface ConsumerSight {
  /** Messages that it has never delivered. */
  readonly pending: number
  /** Deliveries so far. */
  readonly delivered: number
}

export const sightOf = (info: ConsumerInfo): ConsumerSight => ({
  pending: info.num_pending,
  delivered: info.delivered.consumer_seq,
})

/**
 * A consumer that had messages after one empty pull, still has some after the next one, and delivered none to anybody
 * in between, does not deliver any more: seen after restarts of nats-server (its issues 5679 and 6025). Only making it
 * anew helps.
 */
export const looksStuck = (earlier: ConsumerSight | undefined, now: ConsumerSight): boolean =>
  earlier !== undefined && earlier.pending > 0 && now.pending > 0 && earlier.delivered === now.delivered
