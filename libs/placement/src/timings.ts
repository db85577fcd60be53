/**
 * Times of the lease protocol, ms. What makes them safe together (docs/adr/0003-lease-protocol.md): a worker that has
 * lost its leader stops everything `workerFenceMs` after it noticed; both ends notice a dead connection within
 * `detectMs`; so `fencedAfterMs` after a leader noticed, nothing runs there any more.
 */
export interface LeaseTimings {
  /** A new leader waits this long for the workers it knows of, less when all have reported. */
  readonly rebuildMs: number
  /** A lease whose dispatcher is away waits this long to be reclaimed before it is ended. */
  readonly orphanGraceMs: number
  /** Longest difference between the two ends of a connection in noticing that it is dead. */
  readonly detectMs: number
  /**
   * A worker without its leader, while one is to be seen, stops everything after this time. Longer than the board's time
   * to live by `leastFenceMarginMs`, or a leader that has just died would still be seen then.
   */
  readonly workerFenceMs: number
  /** After this time without a worker, nothing runs on it any more. */
  readonly fencedAfterMs: number
  /** A start waits this long at most for idle leases that other dispatchers were asked for. */
  readonly probeMs: number
  /** How often leases of other functions are asked for when there is no room for a start. */
  readonly askForRoomMs: number
  /** A start that has found no room for this long takes the place of a sandbox that is in use, when its invocation ends. */
  readonly makeWayMs: number
  /** A sandbox that is not ready by then has failed to start. */
  readonly startTimeoutMs: number
  /** A worker that refused a start for want of room is left alone for this time. */
  readonly refusedMs: number
  /** Wait before the second start after failures of one version: doubling from the first to the second value. */
  readonly startBackoffMs: { readonly first: number; readonly most: number }
}

export const leastFenceMarginMs = 2_000

export const defaultLeaseTimings: LeaseTimings = {
  rebuildMs: 1_500,
  orphanGraceMs: 1_000,
  detectMs: 5_000,
  workerFenceMs: 8_000,
  fencedAfterMs: 15_000,
  probeMs: 20,
  askForRoomMs: 50,
  makeWayMs: 200,
  startTimeoutMs: 60_000,
  refusedMs: 250,
  startBackoffMs: { first: 100, most: 10_000 },
}
