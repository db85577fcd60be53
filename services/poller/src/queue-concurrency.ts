import type { EventSourceMapping } from '@weft/contracts'

/** Batches of a queue that run at a time at first, how many more per minute, and at most (developer guide, with-sqs). */
const scaling = { first: 5, perMinute: 300, most: 1_250 } as const

/** Batches that each provisioned poller of a queue runs at a time (developer guide, invocation-eventsourcemapping). */
const perPoller = 10

/** Batches of a queue that may run at a time, so long after its mapping began; of a provisioned one those of one poller. */
export function queueConcurrency(
  sinceMs: number,
  { maximumConcurrency, provisionedPollers }: Pick<EventSourceMapping, 'maximumConcurrency' | 'provisionedPollers'>,
): number {
  if (provisionedPollers) return perPoller
  const scaled = scaling.first + Math.floor((sinceMs / 60_000) * scaling.perMinute)
  return Math.min(maximumConcurrency ?? scaling.most, scaling.most, scaled)
}
