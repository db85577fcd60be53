/**
 * A two-way, ordered, long-lived stream of frames between two parts: what the lease protocol and the invoke door run
 * over. In one process it is a pair of linked ends; between processes a bidirectional gRPC stream (grpc-channel.ts).
 *
 * Promises: frames arrive in order, each at most once; nothing arrives after `closed`. `send` after the close is
 * dropped, so every user must treat what it sent without an answer as unknown when `closed` settles. A peer that does
 * not read until the frames for it take too much memory loses the channel.
 */
export interface Channel<In, Out> {
  send(frame: Out): void
  /** Sets the receiver; frames that came earlier are handed over first. Call once. */
  receive(fn: (frame: In) => void): void
  /**
   * Resolves when the other side has accepted; stays open forever if it never does. What is first sent after it and
   * what is never sent because of it has provably not arrived when the channel closes before.
   */
  readonly opened: Promise<void>
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
  readonly opened: Promise<void>
  readonly closed: Promise<ChannelClosed>
  #accept!: () => void
  #settle!: (closed: ChannelClosed) => void
  #open = true
  #outbox: Out[] = []
  #flushing = false
  readonly #inbox = new Inbox<In>()

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#accept = resolve
    })
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
    this.defer(this.#flush)
  }

  close(): void {
    if (!this.#open) return
    this.#flush()
    this.end({ remote: false, reason: 'closed here' })
    this.hangUp()
  }

  readonly #flush = (): void => {
    this.#flushing = false
    if (!this.#open || this.#outbox.length === 0) return
    const frames = this.#outbox
    this.#outbox = []
    this.transmit(frames)
  }

  protected deliver(frame: In): void {
    if (this.#open) this.#inbox.put(frame)
  }

  protected accepted(): void {
    this.#accept()
  }

  protected end(closed: ChannelClosed): void {
    if (!this.#open) return
    this.#open = false
    this.#outbox = []
    this.#settle(closed)
  }

  /** Runs `flush` once, later: what is sent until then travels together. */
  protected abstract defer(flush: () => void): void
  protected abstract transmit(frames: Out[]): void
  protected abstract hangUp(): void
}

class MemoryChannel<In, Out> extends ChannelBase<In, Out> {
  peer!: MemoryChannel<Out, In>

  link(peer: MemoryChannel<Out, In>): void {
    this.peer = peer
    this.accepted()
  }

  protected defer(flush: () => void): void {
    queueMicrotask(flush)
  }

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
  left.link(right)
  right.link(left)
  return [left, right]
}
