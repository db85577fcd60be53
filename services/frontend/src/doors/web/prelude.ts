import { isObject, type WebHead, webHead } from './web-answer.ts'

/** Content type of a streamed answer that begins with status and headers. */
export const httpStreamType = 'application/vnd.awslambda.http-integration-response'

const delimiter = Buffer.alloc(8)
/** Headers of a response take far less; what is longer is no prelude. */
const longestPrelude = 1024 * 1024

/** A streamed HTTP response: its head, and what of its body had come with it. */
export interface Prelude {
  readonly head: WebHead
  readonly rest: Buffer
}

/**
 * Reads the JSON that a streamed response begins with, up to eight zero bytes, off its parts. Undefined when it is no such
 * thing.
 */
export class PreludeReader {
  #held = Buffer.alloc(0)
  #searched = 0

  /** `more` while the prelude is not complete. */
  push(part: Uint8Array): Prelude | 'more' | undefined {
    this.#held = this.#held.length === 0 ? Buffer.from(part) : Buffer.concat([this.#held, part])
    const end = this.#held.indexOf(delimiter, this.#searched)
    if (end < 0) {
      // The delimiter may have begun in what is there.
      this.#searched = Math.max(0, this.#held.length - delimiter.length + 1)
      return this.#held.length > longestPrelude ? undefined : 'more'
    }
    const head = headOf(this.#held.toString('utf8', 0, end))
    return head && { head, rest: this.#held.subarray(end + delimiter.length) }
  }
}

function headOf(text: string): WebHead | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? webHead(value, 'application/octet-stream') : undefined
  } catch {
    return undefined
  }
}
