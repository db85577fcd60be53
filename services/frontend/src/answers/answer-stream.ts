import type { AnswerHead, AnswerSink } from '@weft/contracts'

interface Part {
  readonly chunk: Uint8Array
  readonly taken: () => void
}

/**
 * A streamed answer on its way to one reader. A part counts as taken when the reader asks for the next one, so that a
 * reader that stops reading holds the function back; when it leaves, what is still to come is dropped.
 */
export class AnswerStream implements AnswerSink, AsyncIterable<Uint8Array> {
  /** Resolves when the function begins to stream; stays open if it never does. */
  readonly begun: Promise<AnswerHead>
  #begin!: (head: AnswerHead) => void
  readonly #parts: Part[] = []
  #ended = false
  #left = false
  #wake: () => void = () => undefined

  constructor() {
    this.begun = new Promise((resolve) => {
      this.#begin = resolve
    })
  }

  begin(head: AnswerHead): void {
    this.#begin(head)
  }

  write(chunk: Uint8Array, taken: () => void): void {
    if (this.#left) taken()
    else this.#parts.push({ chunk, taken })
    this.#wake()
  }

  /** Nothing more will come. */
  end(): void {
    this.#ended = true
    this.#wake()
  }

  /** To be read once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const part = this.#parts.shift()
        if (part) {
          // Also when the reader leaves with it.
          try {
            yield part.chunk
          } finally {
            part.taken()
          }
        } else if (this.#ended) return
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
      }
    } finally {
      this.#left = true
      for (const { taken } of this.#parts.splice(0)) taken()
    }
  }
}
