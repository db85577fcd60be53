import type { AnswerHead, AnswerSink } from '@weft/contracts'

/**
 * Bytes of one streamed answer that may be on their way from the worker or wait here for the caller. Large enough to keep
 * a link of some milliseconds busy, small enough that ten thousand stalled callers fit in memory.
 */
export const answerWindowBytes = 256 * 1024

/**
 * The dispatcher's end of one streamed answer: hands the parts on and gives the worker credit for what was taken, in
 * portions of half a window. As the worker never has more than a window and one chunk under way, all of it being taken
 * always earns it credit: nothing stalls but by the caller.
 */
export class AnswerWindow {
  readonly #sink: AnswerSink
  readonly #tell: (bytes: number, discard: boolean) => void
  #untoldBytes = 0
  #discarding = false

  /** `tell` carries credit to the worker; it is also called after the run has ended, when credit is of no use. */
  constructor(sink: AnswerSink, tell: (bytes: number, discard: boolean) => void) {
    this.#sink = sink
    this.#tell = tell
  }

  begin(head: AnswerHead): void {
    if (!this.#discarding) this.#sink.begin(head)
  }

  chunk(data: Uint8Array): void {
    if (this.#discarding) return
    let taken = false
    this.#sink.write(data, () => {
      if (taken) return
      taken = true
      this.#untoldBytes += data.byteLength
      if (this.#discarding || this.#untoldBytes * 2 < answerWindowBytes) return
      this.#tell(this.#untoldBytes, false)
      this.#untoldBytes = 0
    })
  }

  /** The caller has gone: what is still to come is dropped at its source. */
  discard(): void {
    if (this.#discarding) return
    this.#discarding = true
    this.#tell(0, true)
  }
}
