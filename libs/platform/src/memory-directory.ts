import type { Leader } from '@weft/contracts'
import type {
  DispatcherFrame,
  PlacementToDispatcherFrame,
  PlacementToWorkerFrame,
  WorkerFrame,
} from '@weft/contracts/placement'
import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import { type Channel, memoryChannelPair } from './channel.ts'
import type { PlacementDirectory, WorkerDirectory } from './directory.ts'

/** What is known of leaders; a LeaderBoard is one. */
export interface LeaderSource {
  leader(partition: number): Leader | undefined
  onLeader(listener: (partition: number, leader: Leader | undefined) => void): () => void
}

export interface MemoryPlacementOptions {
  readonly partitions: number
  readonly leaders: LeaderSource
  /** Hands the placement's end to the instance that leads. */
  readonly acceptDispatcher: (channel: Channel<DispatcherFrame, PlacementToDispatcherFrame>, leader: Leader) => void
  readonly acceptWorker: (channel: Channel<WorkerFrame, PlacementToWorkerFrame>, leader: Leader) => void
}

/** Placement in this process: dialling makes a pair of linked ends. */
export function memoryPlacementDirectory(options: MemoryPlacementOptions): PlacementDirectory {
  return {
    partitions: options.partitions,
    leader: (partition) => options.leaders.leader(partition),
    onLeader: (listener) => options.leaders.onLeader(listener),
    dialDispatcher: (_partition, leader) => {
      const [near, far] = memoryChannelPair<PlacementToDispatcherFrame, DispatcherFrame>()
      options.acceptDispatcher(far, leader)
      return near
    },
    dialWorker: (_partition, leader) => {
      const [near, far] = memoryChannelPair<PlacementToWorkerFrame, WorkerFrame>()
      options.acceptWorker(far, leader)
      return near
    },
  }
}

/** Workers in this process. `accept` gets the worker's end; one that does not know the worker closes it. */
export function memoryWorkerDirectory(
  accept: (channel: Channel<RunFrame, ResultFrame>, workerId: string, address: string) => void,
): WorkerDirectory {
  return {
    dial: (workerId, address) => {
      const [near, far] = memoryChannelPair<ResultFrame, RunFrame>()
      accept(far, workerId, address)
      return near
    },
  }
}
