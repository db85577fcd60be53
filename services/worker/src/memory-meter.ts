import type { Clock, Logger } from '@weft/platform'
import type { Sandbox } from '@weft/sandbox'

/** How old a figure may be, ms: reading it takes longer than a short invocation. */
const freshMs = 100
const mebibyte = 1024 * 1024

/** The "Max Memory Used" of an environment, MB. */
export class MemoryMeter {
  readonly #limitMb: number
  readonly #clock: Clock
  readonly #log: Logger
  #readAtMs = Number.NEGATIVE_INFINITY
  #maxMb = 0
  #kills = 0

  constructor(limitMb: number, clock: Clock, log: Logger) {
    this.#limitMb = limitMb
    this.#clock = clock
    this.#log = log
  }

  /** Whether the kernel has killed a process inside for memory, as last seen. */
  get killed(): boolean {
    return this.#kills > 0
  }

  /** The figure now, or a moment ago. What cannot be read is told in the log, and the last figure stands. */
  async maxMb(sandbox: Sandbox): Promise<number> {
    const now = this.#clock.monotonic()
    if (now - this.#readAtMs < freshMs) return this.#maxMb
    try {
      const { memoryPeakBytes, oomKills = 0 } = await sandbox.stats()
      this.#readAtMs = now
      this.#maxMb = Math.max(this.#maxMb, Math.min(this.#limitMb, Math.ceil(memoryPeakBytes / mebibyte)))
      this.#kills = oomKills
    } catch (error) {
      this.#log.warn({ err: error, sandbox: sandbox.id }, 'the memory use of a sandbox could not be read')
    }
    return this.#maxMb
  }
}
