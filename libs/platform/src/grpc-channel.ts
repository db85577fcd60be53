import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js'
import { Metadata } from '@grpc/grpc-js'
import { type Channel, ChannelBase } from './channel.ts'

/** A message that carries the frames of one tick. */
interface Batch<F> {
  frames: F[]
}

/** Bytes of payload that one message may carry; larger batches are cut, a single larger frame travels alone. */
const batchBytes = 1024 * 1024

/** Bytes that may wait for a peer to read them: some ten of the largest payloads. */
const outboxBytes = 64 * 1024 * 1024

type Call<In, Out> = ClientDuplexStream<Batch<Out>, Batch<In>> | ServerDuplexStream<Batch<In>, Batch<Out>>

class GrpcChannel<In, Out> extends ChannelBase<In, Out> {
  readonly #call: Call<In, Out>
  readonly #sizeOf: (frame: Out) => number
  readonly #maxOutboxBytes: number
  #unread = 0

  constructor(call: Call<In, Out>, sizeOf: (frame: Out) => number, maxOutboxBytes: number) {
    super()
    this.#call = call
    this.#sizeOf = sizeOf
    this.#maxOutboxBytes = maxOutboxBytes
    if ('sendMetadata' in call) {
      // Tells the other side at once that the call was accepted.
      call.sendMetadata(new Metadata())
      this.accepted()
    } else call.on('metadata', () => this.accepted())
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

  /** After all input of this turn of the event loop, so that answers to many frames travel in one message. */
  protected defer(flush: () => void): void {
    setImmediate(flush)
  }

  protected transmit(frames: Out[]): void {
    let batch: Out[] = []
    let bytes = 0
    for (const frame of frames) {
      const size = this.#sizeOf(frame)
      if (batch.length > 0 && bytes + size > batchBytes) {
        this.#write(batch, bytes)
        batch = []
        bytes = 0
      }
      batch.push(frame)
      bytes += size
    }
    this.#write(batch, bytes)
  }

  protected hangUp(): void {
    this.#call.end()
  }

  #write(frames: Out[], bytes: number): void {
    this.#unread += bytes
    if (this.#unread > this.#maxOutboxBytes) {
      this.end({ remote: true, reason: `the other side has not read ${this.#unread} bytes` })
      if ('cancel' in this.#call) this.#call.cancel()
      else this.#call.destroy()
      return
    }
    this.#call.write({ frames }, () => {
      this.#unread -= bytes
    })
  }
}

export interface GrpcChannelOptions<Out> {
  /** Bytes that a frame takes, roughly; for batching and back-pressure. */
  readonly sizeOf?: (frame: Out) => number
  readonly maxOutboxBytes?: number
}

/** A channel over either end of a bidirectional gRPC call whose messages hold `frames`. */
export const grpcChannel = <In, Out>(call: Call<In, Out>, options: GrpcChannelOptions<Out> = {}): Channel<In, Out> =>
  new GrpcChannel(call, options.sizeOf ?? (() => 256), options.maxOutboxBytes ?? outboxBytes)
