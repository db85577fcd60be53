import { createHash } from 'node:crypto'
import type { AccountId, Leader } from '@weft/contracts'
import type {
  DispatcherFrame,
  PlacementToDispatcherFrame,
  PlacementToWorkerFrame,
  WorkerFrame,
} from '@weft/contracts/placement'
import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import type { Channel } from './channel.ts'

/** The partition of placement that an account belongs to. */
export const partitionOf = (account: AccountId, partitions: number): number =>
  createHash('sha256').update(account).digest().readUInt32BE(0) % partitions

/** Finds and dials the leaders of placement. Wired in memory or over gRPC; both behave alike. */
export interface PlacementDirectory {
  readonly partitions: number
  leader(partition: number): Leader | undefined
  /** Called at every change of a partition's leader. Returns the unsubscribe. */
  onLeader(listener: (partition: number, leader: Leader | undefined) => void): () => void
  dialDispatcher(partition: number, leader: Leader): Channel<PlacementToDispatcherFrame, DispatcherFrame>
  dialWorker(partition: number, leader: Leader): Channel<PlacementToWorkerFrame, WorkerFrame>
}

/** Dials the invoke door of a worker. */
export interface WorkerDirectory {
  dial(workerId: string, address: string): Channel<ResultFrame, RunFrame>
}
