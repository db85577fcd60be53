import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Clock, delay } from '@weft/platform'
import { InvocationLog, OutputLines } from '@weft/sandbox'

/**
 * What an environment logs, cut into lines and given to the run that it belongs to: the current one, or the next when
 * there is none.
 */
export class Journal {
  readonly #clock: Clock
  readonly #onLine: (line: string) => void
  readonly #output = { stdout: new OutputLines(), stderr: new OutputLines() }
  #log = new InvocationLog()
  /** The log of a run that is over, whose last output may still be on its way. */
  #closing: InvocationLog | undefined

  constructor(clock: Clock, onLine: (line: string) => void) {
    this.#clock = clock
    this.#onLine = onLine
  }

  /** Whether lines of the function's are being dropped. */
  get full(): boolean {
    return this.#log.full
  }

  /** A line of the function's. */
  add(message: string): void {
    this.#log.add(this.#clock.now(), message)
    this.#onLine(message)
  }

  /** A line of an extension's. */
  addBeside(message: string): void {
    this.#log.add(this.#clock.now(), message)
  }

  /** Output of the function's, as it comes. */
  push(chunk: Buffer, from: 'stdout' | 'stderr'): void {
    // Of a flood only the number of lines counts, and that roughly.
    if (this.#log.full) this.#log.add(this.#clock.now(), chunk.toString('latin1'))
    else this.#output[from].push(chunk, (line) => this.add(line))
  }

  /** A line of the platform's. */
  tell(message: string): void {
    this.#log.tell(this.#clock.now(), message)
  }

  /** The log of a run that begins. */
  begin(): InvocationLog {
    this.#flush()
    if (this.#closing === this.#log) this.#log = new InvocationLog()
    this.#closing = undefined
    return this.#log
  }

  /** The run is over. */
  end(log: InvocationLog): void {
    this.#closing = log
  }

  /** Resolves when the output that was written before the end of the run has been read. */
  async complete(log: InvocationLog, outputDelayMs: number): Promise<void> {
    // It is read in the turn after the answer, or comes by a longer way.
    await (outputDelayMs > 0 ? delay(this.#clock, outputDelayMs) : nextTurn())
    if (this.#closing !== log) return
    this.#flush()
    this.#closing = undefined
    this.#log = new InvocationLog()
  }

  #flush(): void {
    this.#output.stdout.flush((line) => this.add(line))
    this.#output.stderr.flush((line) => this.add(line))
  }
}
