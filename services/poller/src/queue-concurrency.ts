/** Batches of a queue that run at a time at first, how many more per minute, and at most (developer guide, with-sqs). */
const scaling = { first: 5, perMinute: 300, most: 1_250 } as const

/** Batches of a queue that may run at a time, so long after its mapping began; `cap` is its MaximumConcurrency. */
export const queueConcurrency = (sinceMs: number, cap: number | undefined): number =>
  Math.min(cap ?? scaling.most, scaling.most, scaling.first + Math.floor((sinceMs / 60_000) * scaling.perMinute))
