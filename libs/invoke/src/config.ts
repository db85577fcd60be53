import type { DispatcherFrame, Lease } from '@weft/contracts/placement'
import type { RunFrame } from '@weft/contracts/worker'

export interface DispatcherConfig {
  readonly id: string
  /** An idle lease is given back after this time. */
  readonly idleLeaseMs: number
  /**
   * A call waits this long, or as long as cold starts are found to take if that is longer, for a lease at hand or on its
   * way rather than asking placement for another: on few cores fewer, busier sandboxes are faster, and a run of a
   * fraction of a millisecond is over sooner than a sandbox starts.
   */
  readonly patienceMs: number
  /** Calls that wait for sandboxes at once; more are refused. */
  readonly maxWaiting: number
  /** How often a call that provably did not start is tried on another lease. */
  readonly maxNotStarted: number
}

/**
 * Where the core's decisions go. Frames for a partition without a connection may be dropped: the core repeats what
 * matters when `connected` is called.
 */
export interface DispatcherOutput {
  toPlacement(partition: number, frame: DispatcherFrame): void
  /** `door` names the connection in `workerResult` and `workerLost`. */
  toWorker(door: string, lease: Lease, frame: RunFrame): void
}
