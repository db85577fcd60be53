import { limits } from '@weft/contracts'
import type { ResultFrame, RunInvocation } from '@weft/contracts/worker'
import type { Clock, Timer } from '@weft/platform'
import { type PaceLimits, StreamPace } from '@weft/sandbox'

/** Where the parts of one run's streamed answer go. A function that does not stream never uses it. */
export interface AnswerPath {
  /** Bytes that the function may stream at most. */
  readonly mostBytes: number
  begin(contentType: string): void
  pass(chunk: Uint8Array): void
  /** The run is over: what was collected, if it was. */
  end(): Buffer
}

/** The caller wants the answer whole. */
export class CollectedAnswer implements AnswerPath {
  readonly mostBytes = limits.syncResponseBytes
  readonly #chunks: Uint8Array[] = []

  begin(): void {}

  pass(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
  }

  end(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}

export interface StreamParts {
  readonly invocation: Pick<RunInvocation, 'seq' | 'answerWindowBytes'>
  readonly pace: PaceLimits
  readonly clock: Clock
  /** Keeps the function's output unread until what it returns is called. */
  readonly pause: () => () => void
  readonly send: (frame: NonNullable<ResultFrame['frame']>) => void
}

/**
 * The caller takes the answer in parts. Every part goes out as it comes; the function is held back while the caller's
 * credit is used up, or while it is faster than it may be. So nothing is kept here, and what is under way exceeds the
 * credit by no more than what was read from the function at once.
 */
export class StreamedAnswer implements AnswerPath {
  readonly mostBytes = limits.streamedResponseBytes
  readonly #parts: StreamParts
  readonly #pace: StreamPace
  #creditBytes: number
  #reader = true
  #creditPause: (() => void) | undefined
  #pacePause: (() => void) | undefined
  #paceTimer: Timer | undefined

  constructor(parts: StreamParts) {
    this.#parts = parts
    this.#creditBytes = parts.invocation.answerWindowBytes
    this.#pace = new StreamPace(parts.pace, parts.clock.monotonic())
  }

  begin(contentType: string): void {
    const { invocation, send } = this.#parts
    send({ $case: 'begin', value: { seq: invocation.seq, contentType } })
  }

  pass(chunk: Uint8Array): void {
    if (!this.#reader) return
    const { invocation, send, pause, clock } = this.#parts
    send({ $case: 'chunk', value: { seq: invocation.seq, data: chunk as Buffer } })
    this.#creditBytes -= chunk.byteLength
    if (this.#creditBytes <= 0) this.#creditPause ??= pause()
    const waitMs = this.#pace.take(chunk.byteLength, clock.monotonic())
    if (waitMs === 0) return
    this.#pacePause ??= pause()
    this.#paceTimer?.cancel()
    this.#paceTimer = clock.schedule(waitMs, () => this.#endPacePause())
  }

  /** The caller took that many bytes. */
  credit(bytes: number): void {
    this.#creditBytes += bytes
    if (this.#creditBytes > 0) this.#endCreditPause()
  }

  /** Nobody reads any more: the function runs on to its end, held back by nothing, so that it is soon free for others. */
  discard(): void {
    this.#reader = false
    this.#release()
  }

  end(): Buffer {
    this.#release()
    return Buffer.alloc(0)
  }

  #release(): void {
    this.#paceTimer?.cancel()
    this.#endPacePause()
    this.#endCreditPause()
  }

  #endCreditPause(): void {
    this.#creditPause?.()
    this.#creditPause = undefined
  }

  #endPacePause(): void {
    this.#pacePause?.()
    this.#pacePause = undefined
  }
}
