export interface PollerConfig {
  readonly region: string
  /** Waits after failed batches, ms: doubling from the first to the most. */
  readonly backoffMs: { readonly first: number; readonly most: number }
  /** How long one look for new records waits, ms; a change of the mapping is noticed at once all the same. */
  readonly readWaitMs: number
  /** Waits between attempts to take a mapping that another poller holds, or to open a source that is not there, ms. */
  readonly retryMs: number
  /** How often the shards of a source are listed, ms: they split and merge. */
  readonly listShardsMs: number
  /** How often it is measured how far a mapping is behind its source, where that can be told, ms. */
  readonly lagMs: number
  /** Extra wait before taking a mapping per mapping already held, ms: spreads mappings over pollers. */
  readonly spreadMs: number
  /** A batch that runs at a stop may finish within this, ms. */
  readonly stopDeadlineMs: number
}

export const pollerDefaults: PollerConfig = {
  region: 'us-east-1',
  backoffMs: { first: 500, most: 60_000 },
  readWaitMs: 10_000,
  retryMs: 2_000,
  listShardsMs: 10_000,
  lagMs: 30_000,
  spreadMs: 20,
  stopDeadlineMs: 25_000,
}
