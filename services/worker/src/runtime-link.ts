import type { Socket } from 'node:net'
import type { Clock } from '@weft/platform'
import {
  encodeFrame,
  encodeInvoke,
  FrameReader,
  type InvokeHeader,
  longestFrameBytes,
  ProtocolViolation,
  type RuntimeMessage,
  readMessage,
  toRuntime,
} from '@weft/sandbox'

export type LinkEvent = RuntimeMessage | { readonly kind: 'violation'; readonly reason: string }

/** What INIT tells a runtime. */
export interface InitRequest {
  readonly handler: string
  readonly taskRoot: string
  /** Where layers are seen. */
  readonly layersRoot: string
  readonly environment: Readonly<Record<string, string>>
  readonly logFormat: string
  /** The runtime runs the hooks ahead of a snapshot before it says that it is ready, and waits to be restored. */
  readonly snapStart: boolean
}

/** The connection to the runtime in one sandbox, frames or Runtime API. */
export interface RuntimeLink {
  init(request: InitRequest): void
  /** With SnapStart, once it is ready: it runs its hooks, and says that it is restored. */
  restore(): void
  invoke(header: InvokeHeader, payload: Uint8Array): void
  /** The runtime waits for an invocation; always true of one whose answer says so. */
  readonly waiting: boolean
  /** Gets everything that comes from now on; nothing is sent before INIT. */
  onEvent(listener: (event: LinkEvent) => void): void
  /** Reads nothing for a moment: what a flood costs the worker is bounded by that. */
  hold(clock: Clock, forMs: number): void
  /** Reads no more of a streamed answer until what it returns is called: the function is held back by that. */
  pause(): () => void
  /** Resolves when nothing more can come. */
  readonly closed: Promise<void>
  close(): void
}

/** Something that is read only while nobody wants it paused. */
export class Pauses {
  #count = 0
  readonly #target: () => { pause(): unknown; resume(): unknown } | undefined

  constructor(target: () => { pause(): unknown; resume(): unknown } | undefined) {
    this.#target = target
  }

  get any(): boolean {
    return this.#count > 0
  }

  add(): () => void {
    this.#count += 1
    if (this.#count === 1) this.#target()?.pause()
    let ended = false
    return () => {
      if (ended) return
      ended = true
      this.#count -= 1
      if (this.#count === 0) this.#target()?.resume()
    }
  }
}

/** Frames over the socket of a sandbox. */
export class FrameLink implements RuntimeLink {
  readonly waiting = true
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #pauses = new Pauses(() => this.#socket)
  #held = false
  #listener: (event: LinkEvent) => void = () => undefined

  constructor(socket: Socket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    const reader = new FrameReader(longestFrameBytes)
    socket.on('data', (chunk) => {
      try {
        reader.push(chunk, (frame) => this.#listener(readMessage(frame)))
      } catch (error) {
        if (!(error instanceof ProtocolViolation)) throw error
        socket.destroy()
        this.#listener({ kind: 'violation', reason: error.message })
      }
    })
    // The other end is a program that may die at any time; its exit is what counts.
    socket.on('error', () => socket.destroy())
  }

  onEvent(listener: (event: LinkEvent) => void): void {
    this.#listener = listener
  }

  init(request: InitRequest): void {
    this.#send(encodeFrame(toRuntime.init, Buffer.from(JSON.stringify(request))))
  }

  restore(): void {
    this.#send(encodeFrame(toRuntime.restore))
  }

  invoke(header: InvokeHeader, payload: Uint8Array): void {
    this.#send(encodeInvoke(header, payload))
  }

  hold(clock: Clock, forMs: number): void {
    if (this.#held) return
    this.#held = true
    const release = this.#pauses.add()
    clock.schedule(forMs, () => {
      this.#held = false
      release()
    })
  }

  pause(): () => void {
    return this.#pauses.add()
  }

  close(): void {
    this.#socket.destroy()
  }

  /** One system call for all parts. */
  #send(parts: readonly Uint8Array[]): void {
    if (this.#socket.destroyed) return
    this.#socket.cork()
    for (const part of parts) this.#socket.write(part)
    this.#socket.uncork()
  }
}
