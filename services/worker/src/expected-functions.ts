import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { Logger } from '@weft/platform'

/** Of more than so many that wait the oldest are given up: their calls bring in what they need. */
const mostWaiting = 100

/** Functions whose first calls are to be expected: gets what they need, one after another, beside what is called already. */
export class ExpectedFunctions {
  readonly #prepare: (spec: SandboxSpec) => Promise<void>
  readonly #log: Logger
  readonly #waiting: SandboxSpec[] = []
  #working: Promise<void> | undefined

  constructor(prepare: (spec: SandboxSpec) => Promise<void>, log: Logger) {
    this.#prepare = prepare
    this.#log = log
  }

  add(spec: SandboxSpec): void {
    this.#waiting.push(spec)
    if (this.#waiting.length > mostWaiting) this.#waiting.shift()
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#waiting.length = 0
    await this.#working
  }

  async #work(): Promise<void> {
    for (let spec = this.#waiting.shift(); spec; spec = this.#waiting.shift()) {
      try {
        await this.#prepare(spec)
      } catch (error) {
        // It may be gone by now; if it is not, its first call fails by the same reason and tells.
        this.#log.debug({ err: error, functionArn: spec.functionArn }, 'a function could not be prepared for')
      }
    }
  }
}
