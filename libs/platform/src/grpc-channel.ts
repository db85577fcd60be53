import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js'
import { type Channel, ChannelBase } from './channel.ts'

/** A message that carries the frames of one tick. */
interface Batch<F> {
  frames: F[]
}

/** Bytes of payload that one message may carry; larger batches are cut, a single larger frame travels alone. */
const batchBytes = 1024 * 1024

type Call<In, Out> = ClientDuplexStream<Batch<Out>, Batch<In>> | ServerDuplexStream<Batch<In>, Batch<Out>>

class GrpcChannel<In, Out> extends ChannelBase<In, Out> {
  readonly #call: Call<In, Out>
  readonly #sizeOf: (frame: Out) => number

  constructor(call: Call<In, Out>, sizeOf: (frame: Out) => number) {
    super()
    this.#call = call
    this.#sizeOf = sizeOf
    call.on('data', (batch: Batch<In>) => {
      for (const frame of batch.frames) this.deliver(frame)
    })
    call.on('error', (error: Error) => this.end({ remote: true, reason: error.message }))
    call.on('end', () => {
      this.end({ remote: true, reason: 'ended by the other side' })
      call.end()
    })
    call.on('close', () => this.end({ remote: true, reason: 'connection closed' }))
    call.on('cancelled', () => this.end({ remote: true, reason: 'cancelled' }))
  }

  protected transmit(frames: Out[]): void {
    let batch: Out[] = []
    let bytes = 0
    for (const frame of frames) {
      const size = this.#sizeOf(frame)
      if (batch.length > 0 && bytes + size > batchBytes) {
        this.#call.write({ frames: batch })
        batch = []
        bytes = 0
      }
      batch.push(frame)
      bytes += size
    }
    this.#call.write({ frames: batch })
  }

  protected hangUp(): void {
    this.#call.end()
  }
}

/** A channel over either end of a bidirectional gRPC call whose messages hold `frames`. */
export const grpcChannel = <In, Out>(
  call: Call<In, Out>,
  sizeOf: (frame: Out) => number = () => 256,
): Channel<In, Out> => new GrpcChannel(call, sizeOf)
