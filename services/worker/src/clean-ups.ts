import type { Logger } from '@weft/platform'

/** What has to be undone of something that is made step by step, the last first; what is added meanwhile comes after. */
export class CleanUps {
  readonly #steps: (() => Promise<void> | void)[] = []
  readonly #onProblem: (error: unknown) => void
  #ended: Promise<void> | undefined

  constructor(log: Logger, sandboxId: string) {
    this.#onProblem = (error) => log.error({ err: error, sandbox: sandboxId }, 'a sandbox could not be removed cleanly')
  }

  push(step: () => Promise<void> | void): void {
    this.#steps.push(step)
  }

  /** Undoes everything; a step that fails is told, and the others are taken all the same. Idempotent. */
  run(): Promise<void> {
    this.#ended ??= this.#run()
    return this.#ended
  }

  async #run(): Promise<void> {
    for (const step of this.#steps.reverse()) {
      try {
        await step()
      } catch (error) {
        this.#onProblem(error)
      }
    }
  }
}
