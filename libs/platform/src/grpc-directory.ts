import { credentials } from '@grpc/grpc-js'
import { PlacementServiceClient } from '@weft/contracts/placement'
import { WorkerServiceClient } from '@weft/contracts/worker'
import type { Channel } from './channel.ts'
import type { PlacementDirectory, WorkerDirectory } from './directory.ts'
import { grpcChannel } from './grpc-channel.ts'
import { frameBytes, internalGrpcOptions, internalMetadata } from './grpc-options.ts'
import type { LeaderSource } from './memory-directory.ts'

export interface GrpcPlacementOptions {
  readonly partitions: number
  /** Whose address is dialled. */
  readonly leaders: LeaderSource
  readonly secret: string
}

/** Placement behind the address on the leader board. */
export function grpcPlacementDirectory(options: GrpcPlacementOptions): PlacementDirectory {
  const { partitions, leaders } = options
  const metadata = internalMetadata(options.secret)
  const clients = new Clients(
    (address) => new PlacementServiceClient(address, credentials.createInsecure(), internalGrpcOptions),
  )
  return {
    partitions,
    leader: (partition) => leaders.leader(partition),
    onLeader: (listener) => leaders.onLeader(listener),
    dialDispatcher: (_partition, leader) =>
      clients.dial(leader.address, (client) =>
        grpcChannel(client.dispatch(metadata), { sizeOf: frameBytes.dispatcher }),
      ),
    dialWorker: (_partition, leader) =>
      clients.dial(leader.address, (client) => grpcChannel(client.register(metadata), { sizeOf: frameBytes.worker })),
  }
}

/** Workers behind the address in their leases. */
export function grpcWorkerDirectory(options: { readonly secret: string }): WorkerDirectory {
  const metadata = internalMetadata(options.secret)
  const clients = new Clients(
    (address) => new WorkerServiceClient(address, credentials.createInsecure(), internalGrpcOptions),
  )
  return {
    dial: (_workerId, address) =>
      clients.dial(address, (client) => grpcChannel(client.run(metadata), { sizeOf: frameBytes.run })),
  }
}

interface Closable {
  close(): void
}

/** One connection per address, shared by its streams and closed with the last of them. */
class Clients<C extends Closable> {
  readonly #make: (address: string) => C
  readonly #open = new Map<string, { readonly client: C; streams: number }>()

  constructor(make: (address: string) => C) {
    this.#make = make
  }

  dial<In, Out>(address: string, open: (client: C) => Channel<In, Out>): Channel<In, Out> {
    let entry = this.#open.get(address)
    if (!entry) {
      entry = { client: this.#make(address), streams: 0 }
      this.#open.set(address, entry)
    }
    const shared = entry
    shared.streams += 1
    const channel = open(shared.client)
    void channel.closed.then(() => {
      shared.streams -= 1
      if (shared.streams > 0) return
      if (this.#open.get(address) === shared) this.#open.delete(address)
      shared.client.close()
    })
    return channel
  }
}
