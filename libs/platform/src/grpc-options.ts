import { type ChannelOptions, Metadata } from '@grpc/grpc-js'
import type {
  DispatcherFrame,
  PlacementToDispatcherFrame,
  PlacementToWorkerFrame,
  WorkerFrame,
} from '@weft/contracts/placement'
import type { ResultFrame, RunFrame } from '@weft/contracts/worker'

/** Twice the largest payload and its envelope, bytes. */
const messageBytes = 16 * 1024 * 1024

/**
 * Settings of both ends of the internal streams. A peer that is gone without a word is noticed within four seconds,
 * which `detectMs` of the lease protocol builds on.
 */
export const internalGrpcOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_send_message_length': messageBytes,
  'grpc.max_receive_message_length': messageBytes,
  // A peer that has restarted is reached again soon.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
}

/** Roughly what frames take, bytes. */
export const frameBytes = {
  run: ({ frame }: RunFrame): number => 512 + (frame?.$case === 'invoke' ? frame.value.payload.length : 0),
  result: ({ frame }: ResultFrame): number => {
    if (frame?.$case === 'result') return 256 + frame.value.payload.length + frame.value.logTail.length
    return frame?.$case === 'chunk' ? 64 + frame.value.data.length : 256
  },
  /** An acquire carries the function's environment, 4 KB at most. */
  dispatcher: ({ frame }: DispatcherFrame): number => (frame?.$case === 'acquire' ? 2_048 : 256),
  placement: (_frame: PlacementToDispatcherFrame): number => 512,
  worker: ({ frame }: WorkerFrame): number =>
    frame?.$case === 'hello' ? 256 + 2_048 * frame.value.sandboxes.length : 256,
  placementToWorker: ({ frame }: PlacementToWorkerFrame): number => (frame?.$case === 'start' ? 2_048 : 256),
} as const

/** What a caller of an internal door shows. */
export function internalMetadata(secret: string): Metadata {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${secret}`)
  return metadata
}
