import { type Clock, delay, type Logger } from '@weft/platform'
import type { Sandbox, SandboxExit, SandboxProgram } from '@weft/sandbox'
import type { RuntimeProcess } from '../boot.ts'
import type { InitRequest, LinkEvent } from '../runtime-link.ts'
import { type EntryPoint, entryFault, wrongFromTheStart } from './entry-fault.ts'

/** All that a program says whose last step to its start failed, bytes at most. */
const mostWords = 1_000
/** How long the output of a program may come after its end, ms. */
const lastWordsMs = 50
const lastStepFailed = /^[^\n]*\bexec [^\n]*: (exec format error|no such file or directory|permission denied)\s*$/

/**
 * The program of an image, in a sandbox that does nothing yet: INIT starts it with the function's variables, and from
 * then on it is the runtime.
 */
export class ImageProgram implements RuntimeProcess {
  readonly exited: Promise<SandboxExit>
  /** What is started; set before INIT. */
  entry: EntryPoint = { command: [], folder: '/' }
  readonly #sandbox: Sandbox
  readonly #onOutput: (chunk: Buffer) => number
  readonly #clock: Clock
  readonly #log: Logger
  readonly #ended = Promise.withResolvers<SandboxExit>()
  #onEvent: (event: LinkEvent) => void = () => undefined
  #program: SandboxProgram | undefined
  #closed = false

  constructor(sandbox: Sandbox, onOutput: (chunk: Buffer) => number, clock: Clock, log: Logger) {
    this.#sandbox = sandbox
    this.#onOutput = onOutput
    this.#clock = clock
    this.#log = log
    this.exited = Promise.race([sandbox.exited, this.#ended.promise])
  }

  onEvent(listener: (event: LinkEvent) => void): void {
    this.#onEvent = listener
  }

  init({ environment }: InitRequest): void {
    void this.#start(environment)
  }

  terminate(): void {
    this.#program?.signal('SIGTERM')
  }

  kill(): void {
    this.#program?.signal('SIGKILL')
  }

  close(): void {
    this.#closed = true
  }

  async #start(environment: Readonly<Record<string, string>>): Promise<void> {
    const wrong = wrongFromTheStart(this.entry)
    if (wrong) return this.#onEvent({ kind: 'init-error', document: wrong.document })
    const { command, folder } = this.entry
    try {
      const program = await this.#sandbox.run?.({ programId: 'runtime', command, environment, folder })
      if (!program) throw new Error('this worker cannot run programs of images')
      let said = ''
      program.onOutput((chunk) => {
        if (said.length < mostWords) said += chunk.toString('utf8')
        return this.#onOutput(chunk)
      })
      this.#program = program
      void program.exited.then(async (exit) => {
        if (exit.code !== 0 && said === '') await delay(this.#clock, lastWordsMs)
        // The last step fails in the program's own process, whose output and status then tell of it.
        if (exit.code !== 0 && lastStepFailed.test(said)) this.#fail(said)
        else this.#ended.resolve(exit)
      })
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error))
    }
  }

  #fail(said: string): void {
    // A sandbox that has ended meanwhile starts nothing, and nobody asks why.
    if (this.#closed) return
    this.#log.info({ sandbox: this.#sandbox.id, said }, 'the program of an image could not be started')
    this.#onEvent({ kind: 'init-error', document: entryFault(said, this.entry).document })
  }
}
