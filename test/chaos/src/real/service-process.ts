import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const readyWithinMs = 60_000

/** One service of a cluster as a process of this machine. Disposal stops it gracefully. */
export class ServiceProcess implements AsyncDisposable {
  readonly service: string
  readonly name: string
  readonly #settings: Readonly<Record<string, string>>
  readonly #healthPort: number
  #child: ChildProcess | undefined
  #starts = 0
  /** Of the start that counts: one that a later kill has overtaken is left alone. */
  #lives = 0
  #stopped = false
  #output = ''

  constructor(service: string, number: number, settings: Readonly<Record<string, string>>, healthPort: number) {
    this.service = service
    this.name = `${service}-${number}`
    this.#settings = settings
    this.#healthPort = healthPort
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const program = fileURLToPath(new URL(`../../../../services/${this.service}/src/main.ts`, import.meta.url))
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...this.#settings,
      WEFT_HEALTH_PORT: `${this.#healthPort}`,
      // Of every life another: what the one before held is not this one's.
      WEFT_INSTANCE_ID: `${this.name}-${++this.#starts}`,
    }
    // The kernel ends it when this process dies.
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', process.execPath, program], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (this.#output = `${this.#output}${chunk}`.slice(-20_000)))
    for (const deadlineMs = performance.now() + readyWithinMs; ; await wait(100)) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadlineMs)
        throw new Error(`${this.name} is not ready (${child.exitCode ?? child.signalCode}):\n${this.#output}`)
      if (this.#child !== child) return
      const answer = await fetch(`http://127.0.0.1:${this.#healthPort}/readyz`).catch(() => undefined)
      if (answer?.ok) return
    }
  }

  /** kill -9, then another one in its place; resolves when that has begun to start. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
    void this.#revive()
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal)
  }

  get output(): string {
    return this.#output
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    this.signal('SIGCONT')
    await this.#end('SIGTERM')
  }

  /** As a supervisor does: a bus that is down meanwhile lets a start fail, and another one follow. */
  async #revive(): Promise<void> {
    const life = ++this.#lives
    while (!this.#stopped && life === this.#lives)
      try {
        return await this.start()
      } catch {
        await this.#end('SIGKILL')
        await wait(500)
      }
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
}
