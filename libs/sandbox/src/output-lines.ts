/** Longest log line, bytes: what CloudWatch takes as one event. */
export const longestLineBytes = 256 * 1024

/** Cuts what a process writes into lines; a longer one than an event may be is cut into several. */
export class OutputLines {
  #held: Buffer[] = []
  #heldBytes = 0

  push(chunk: Buffer, onLine: (line: string) => void): void {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#add(chunk.subarray(start, end), onLine)
      this.flush(onLine, true)
      start = end + 1
    }
    if (start < chunk.length) this.#add(chunk.subarray(start), onLine)
  }

  /** Hands over what is held, if anything; an empty line only when `evenEmpty`. */
  flush(onLine: (line: string) => void, evenEmpty = false): void {
    if (this.#heldBytes === 0 && !evenEmpty) return
    const line = Buffer.concat(this.#held).toString('utf8')
    this.#held = []
    this.#heldBytes = 0
    onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
  }

  #add(piece: Buffer, onLine: (line: string) => void): void {
    for (let rest = piece; rest.length > 0; ) {
      const room = longestLineBytes - this.#heldBytes
      const taken = rest.subarray(0, room)
      // A copy: the chunk's memory belongs to the stream.
      this.#held.push(Buffer.from(taken))
      this.#heldBytes += taken.length
      rest = rest.subarray(taken.length)
      if (this.#heldBytes === longestLineBytes) this.flush(onLine)
    }
  }
}
