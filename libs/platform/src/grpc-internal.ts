import { createHash, timingSafeEqual } from 'node:crypto'
import { type Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js'
import {
  type DispatcherFrame,
  type DispatcherFrames,
  PlacementServiceService,
  type PlacementToDispatcherFrame,
  type PlacementToDispatcherFrames,
  type PlacementToWorkerFrame,
  type PlacementToWorkerFrames,
  type WorkerFrame,
  type WorkerFrames,
} from '@weft/contracts/placement'
import {
  type ResultFrame,
  type ResultFrames,
  type RunFrame,
  type RunFrames,
  WorkerServiceService,
} from '@weft/contracts/worker'
import type { Channel } from './channel.ts'
import { type Clock, systemClock } from './clock.ts'
import { grpcChannel } from './grpc-channel.ts'
import { frameBytes, internalGrpcOptions } from './grpc-options.ts'

export { grpcPlacementDirectory, grpcWorkerDirectory } from './grpc-directory.ts'

export interface InternalServerOptions {
  /** "0.0.0.0" or the like; port 0 lets the system choose. */
  readonly host: string
  readonly port: number
  /** Shared by the services of one cluster. */
  readonly secret: string
  readonly placement?: {
    acceptDispatcher(channel: Channel<DispatcherFrame, PlacementToDispatcherFrame>): void
    acceptWorker(channel: Channel<WorkerFrame, PlacementToWorkerFrame>): void
  }
  readonly worker?: {
    accept(channel: Channel<RunFrame, ResultFrame>): void
  }
  readonly clock?: Clock
}

/** Disposing it ends the streams that are still open. */
export interface InternalServer extends AsyncDisposable {
  readonly port: number
}

/** Streams have this long to end by themselves, ms. */
const endMs = 1_000

/** Serves the internal doors of a service. Rejects when the address cannot be bound. */
export async function startInternalServer(options: InternalServerOptions): Promise<InternalServer> {
  const server = new Server(internalGrpcOptions)
  const admits = secretCheck(options.secret)
  const guarded =
    <In, Out>(accept: (call: ServerDuplexStream<In, Out>) => void) =>
    (call: ServerDuplexStream<In, Out>): void => {
      if (admits(call.metadata)) accept(call)
      else call.emit('error', { code: status.UNAUTHENTICATED, details: 'the cluster secret is wrong or missing' })
    }
  const { placement, worker, clock = systemClock } = options
  if (placement)
    server.addService(PlacementServiceService, {
      dispatch: guarded<DispatcherFrames, PlacementToDispatcherFrames>((call) =>
        placement.acceptDispatcher(grpcChannel(call, { sizeOf: frameBytes.placement })),
      ),
      register: guarded<WorkerFrames, PlacementToWorkerFrames>((call) =>
        placement.acceptWorker(grpcChannel(call, { sizeOf: frameBytes.placementToWorker })),
      ),
    })
  if (worker)
    server.addService(WorkerServiceService, {
      run: guarded<RunFrames, ResultFrames>((call) => worker.accept(grpcChannel(call, { sizeOf: frameBytes.result }))),
    })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${options.host}:${options.port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  let ended: Promise<void> | undefined
  const end = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      const hurry = clock.schedule(endMs, () => {
        // A forced end does not always settle the gentle one, for example after a connection that broke without a word.
        server.forceShutdown()
        resolve()
      })
      server.tryShutdown(() => {
        hurry.cancel()
        resolve()
      })
    })
  }
  return {
    port,
    [Symbol.asyncDispose]: () => {
      ended ??= end()
      return ended
    },
  }
}

/** Digests of equal length, so that the time taken tells nothing of the secret. */
function secretCheck(secret: string): (metadata: Metadata) => boolean {
  if (secret === '') throw new Error('the cluster secret is empty')
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  const expected = digest(`Bearer ${secret}`)
  return (metadata) => {
    const [given] = metadata.get('authorization')
    return typeof given === 'string' && timingSafeEqual(digest(given), expected)
  }
}
