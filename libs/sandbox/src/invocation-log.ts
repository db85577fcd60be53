import { type LogLine, limits } from '@weft/contracts'
import { longestLineBytes } from './output-lines.ts'

export interface LogLimits {
  /** Bytes that one invocation may log; the rest is counted and dropped. */
  readonly invocationBytes: number
  /** Bytes of one line; a longer one is cut. */
  readonly lineBytes: number
}

export const defaultLogLimits: LogLimits = { invocationBytes: 4 * 1024 * 1024, lineBytes: longestLineBytes }

/** Lines of one invocation, in order, bounded; the platform's own lines are never dropped. */
export class InvocationLog {
  readonly #limits: LogLimits
  readonly #lines: LogLine[] = []
  #bytes = 0
  #droppedLines = 0
  #droppedBytes = 0

  constructor(bounds: LogLimits = defaultLogLimits) {
    this.#limits = bounds
  }

  /** A line of the function's. */
  add(atMs: number, message: string): void {
    const bytes = message.length > this.#limits.lineBytes / 4 ? Buffer.byteLength(message) : message.length
    if (this.#bytes + bytes > this.#limits.invocationBytes) {
      this.#droppedLines += 1
      this.#droppedBytes += bytes
      return
    }
    this.#bytes += bytes
    this.#lines.push({ atMs, message: bytes > this.#limits.lineBytes ? cut(message, this.#limits.lineBytes) : message })
  }

  /** A line of the platform's. */
  tell(atMs: number, message: string): void {
    this.#tellDropped(atMs)
    this.#lines.push({ atMs, message })
  }

  /** Whether lines of the function's are being dropped. */
  get full(): boolean {
    return this.#droppedLines > 0
  }

  lines(): readonly LogLine[] {
    return this.#lines
  }

  /** The last 4 KB, as `X-Amz-Log-Result` carries them. */
  tail(): string {
    let bytes = 0
    const taken: string[] = []
    for (let i = this.#lines.length - 1; i >= 0 && bytes < limits.logTailBytes; i--) {
      const line = `${(this.#lines[i] as LogLine).message}\n`
      taken.push(line)
      bytes += Buffer.byteLength(line)
    }
    const all = Buffer.from(taken.reverse().join(''))
    if (all.length <= limits.logTailBytes) return all.toString('utf8')
    let start = all.length - limits.logTailBytes
    // Not in the middle of a character.
    while (start < all.length && ((all[start] as number) & 0xc0) === 0x80) start += 1
    return all.toString('utf8', start)
  }

  #tellDropped(atMs: number): void {
    if (this.#droppedLines === 0) return
    const [lines, bytes] = [this.#droppedLines, this.#droppedBytes]
    this.#droppedLines = 0
    this.#droppedBytes = 0
    this.#lines.push({
      atMs,
      message: `LOGS DROPPED: ${lines} lines of ${bytes} bytes; an invocation may log ${this.#limits.invocationBytes} bytes`,
    })
  }
}

function cut(message: string, bytes: number): string {
  const buffer = Buffer.from(message)
  let end = bytes
  while (end > 0 && ((buffer[end] as number) & 0xc0) === 0x80) end -= 1
  return buffer.toString('utf8', 0, end)
}
