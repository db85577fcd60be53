import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { RunMessage } from './instance.ts'

const program = fileURLToPath(new URL('./instance.ts', import.meta.url))

/** The processes that run events and records; each is started again when it was killed. */
export class Instances implements AsyncDisposable {
  readonly #url: string
  readonly #onRun: (message: RunMessage) => void
  readonly #children: ChildProcess[] = []
  #started = 0

  constructor(url: string, onRun: (message: RunMessage) => void) {
    this.#url = url
    this.#onRun = onRun
  }

  get size(): number {
    return this.#children.length
  }

  async start(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, index) => this.#start(index)))
  }

  /** kill -9, then a fresh one in its place. */
  async kill(index: number): Promise<void> {
    await end(this.#children[index])
    await this.#start(index)
  }

  signal(index: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#children[index]?.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(end))
  }

  async #start(index: number): Promise<void> {
    const child = fork(program, [this.#url, `instance-${++this.#started}`], { serialization: 'json' })
    this.#children[index] = child
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message: RunMessage | { readonly kind: 'ready' }) => {
        if (message.kind === 'run') this.#onRun(message)
        else resolve()
      })
      child.once('exit', (code, signal) => reject(new Error(`an instance ended at start: ${code ?? signal}`)))
    })
    await ready
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
