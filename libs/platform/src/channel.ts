/**
 * A two-way, ordered, long-lived stream of frames between two parts: what the lease protocol and the invoke door run
 * over. In one process it is a pair of linked ends; between processes a bidirectional gRPC stream (grpc-channel.ts).
 *
 * Promises: frames arrive in order, each at most once; nothing arrives after `closed`. `send` after the close is
 * dropped, so every user must treat what it sent without an answer as unknown when `closed` settles.
 */
export interface Channel<In, Out> {
  send(frame: Out): void
  /** Sets the receiver; frames that came earlier are handed over first. Call once. */
  receive(fn: (frame: In) => void): void
  /** Resolves when either side closes or the connection breaks; never rejects. */
  readonly closed: Promise<ChannelClosed>
  close(): void
}

export interface ChannelClosed {
  /** False when this side called close(). */
  readonly remote: boolean
  readonly reason: string
}

/** Frames kept until a receiver is set. */
class Inbox<In> {
  #receiver: ((frame: In) => void) | undefined
  #waiting: In[] = []

  set(fn: (frame: In) => void): void {
    if (this.#receiver) throw new Error('channel already has a receiver')
    this.#receiver = fn
    for (const frame of this.#waiting.splice(0)) fn(frame)
  }

  put(frame: In): void {
    if (this.#receiver) this.#receiver(frame)
    else this.#waiting.push(frame)
  }
}

/** What both kinds of channel share: the inbox, the once-only close, and sending in batches of one tick. */
export abstract class ChannelBase<In, Out> implements Channel<In, Out> {
  readonly closed: Promise<ChannelClosed>
  #settle!: (closed: ChannelClosed) => void
  #open = true
  #outbox: Out[] = []
  #flushing = false
  readonly #inbox = new Inbox<In>()

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  get open(): boolean {
    return this.#open
  }

  receive(fn: (frame: In) => void): void {
    this.#inbox.set(fn)
  }

  send(frame: Out): void {
    if (!this.#open) return
    this.#outbox.push(frame)
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      if (this.#open && this.#outbox.length > 0) this.transmit(this.#outbox.splice(0))
    })
  }

  close(): void {
    if (!this.#open) return
    if (this.#outbox.length > 0) this.transmit(this.#outbox.splice(0))
    this.end({ remote: false, reason: 'closed here' })
    this.hangUp()
  }

  protected deliver(frame: In): void {
    if (this.#open) this.#inbox.put(frame)
  }

  protected end(closed: ChannelClosed): void {
    if (!this.#open) return
    this.#open = false
    this.#outbox = []
    this.#settle(closed)
  }

  protected abstract transmit(frames: Out[]): void
  protected abstract hangUp(): void
}

class MemoryChannel<In, Out> extends ChannelBase<In, Out> {
  peer!: MemoryChannel<Out, In>

  protected transmit(frames: Out[]): void {
    for (const frame of frames) this.peer.deliver(frame)
  }

  protected hangUp(): void {
    this.peer.end({ remote: true, reason: 'closed by the other side' })
  }
}

/** Two linked ends: what one sends the other receives, in order, in a later microtask. */
export function memoryChannelPair<A, B>(): [Channel<A, B>, Channel<B, A>] {
  const left = new MemoryChannel<A, B>()
  const right = new MemoryChannel<B, A>()
  left.peer = right
  right.peer = left
  return [left, right]
}
