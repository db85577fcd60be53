export interface MetricsConfig {
  /** Functions with label values of their own; the others are counted together. */
  readonly maxFunctions: number
  /** Requests that can be looked up without reading the stream. */
  readonly recentRequests: number
  /** Messages before the stored position that are read again at a start, so that recent requests are known. */
  readonly replayMessages: number
  /** How often what was counted is stored, ms; what a crash loses of it is counted again from the stream. */
  readonly flushMs: number
  /** Messages that one lookup of an older request may read. */
  readonly lookupMessages: number
}

export const metricsDefaults: MetricsConfig = {
  maxFunctions: 1_000,
  recentRequests: 10_000,
  replayMessages: 2_000,
  flushMs: 5_000,
  lookupMessages: 200_000,
}
