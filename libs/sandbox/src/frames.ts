/**
 * The host's side of the private runtime protocol (libs/runtimes/src/protocol.md): `u32 length | u8 type | body`.
 * What arrives comes from inside a sandbox and is not trusted.
 */
export const toRuntime = { init: 1, invoke: 2, restore: 3 } as const
export const fromRuntime = {
  ...{ hello: 16, ready: 17, initError: 18, response: 19, error: 20, log: 21, fatal: 22 },
  ...{ begin: 23, chunk: 24, end: 25, restored: 26, restoreError: 27 },
} as const

export interface RuntimeFrame {
  readonly type: number
  readonly body: Buffer
}

/** INVOKE's header; absent members are left out. */
export interface InvokeHeader {
  readonly requestId: string
  /** Epoch ms. */
  readonly deadlineMs: number
  readonly invokedFunctionArn: string
  readonly traceId?: string
  /** Decoded JSON text. */
  readonly clientContext?: string
  /** Of a function that keeps tenants apart. */
  readonly tenantId?: string
}

export const requestIdBytes = 36
const headBytes = 5

/** The chunks of one frame, to be written one after another; the body is not copied. */
export function encodeFrame(type: number, ...parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const head = Buffer.allocUnsafe(headBytes)
  let length = 1
  for (const part of parts) length += part.length
  head.writeUInt32BE(length, 0)
  head[4] = type
  return [head, ...parts]
}

export function encodeInvoke(header: InvokeHeader, payload: Uint8Array): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(text.length)
  return encodeFrame(toRuntime.invoke, length, text, payload)
}

/** A frame that breaks the protocol; the connection cannot go on. */
export class ProtocolViolation extends Error {}

/** Cuts a stream of chunks into frames. A longer frame than `mostBytes` is a violation as soon as it is announced. */
export class FrameReader {
  readonly #mostBytes: number
  #held: Buffer[] = []
  #heldBytes = 0
  #wanted = 4

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  push(chunk: Buffer, onFrame: (frame: RuntimeFrame) => void): void {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    // Joining only once a whole frame is there keeps a large frame from being copied again with every chunk.
    while (this.#heldBytes >= this.#wanted) {
      const all = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held)
      const end = 4 + this.#lengthIn(all)
      if (all.length < end) {
        this.#keep(all)
        this.#wanted = end
        return
      }
      this.#keep(all.subarray(end))
      this.#wanted = 4
      onFrame({ type: all[4] as number, body: all.subarray(headBytes, end) })
    }
  }

  #lengthIn(all: Buffer): number {
    const length = all.readUInt32BE(0)
    if (length < 1 || length > this.#mostBytes) throw new ProtocolViolation(`a frame of ${length} bytes`)
    return length
  }

  #keep(rest: Buffer): void {
    this.#held = rest.length > 0 ? [rest] : []
    this.#heldBytes = rest.length
  }
}
