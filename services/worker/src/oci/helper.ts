import { type ChildProcess, spawn } from 'node:child_process'
import type { Server, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Logger } from '@weft/platform'

const program = fileURLToPath(new URL('./helper.py', import.meta.url))
export const helperPython = '/usr/bin/python3'

interface Answer {
  readonly id: number
  readonly error?: string
  readonly pid?: number
}

interface ExitEvent {
  readonly event: 'exit'
  readonly pid: number
  readonly code?: number
  readonly signal?: string
}

export interface ProcessEnd {
  readonly code: number | undefined
  readonly signal: string | undefined
}

interface Settled {
  readonly process: { readonly pid: number; readonly end: Promise<ProcessEnd> } | undefined
  readonly handle: Server | Socket | undefined
}

interface Waiting {
  resolve(answer: Settled): void
  reject(error: Error): void
}

/**
 * The one process that helps the driver (helper.py). Calls reject with the helper's own words; when it dies, all that
 * wait are rejected and every process it watched counts as ended, because nobody else can tell.
 */
export class NamespaceHelper {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #ends = new Map<number, (end: ProcessEnd) => void>()
  #nextId = 1
  #gone: Error | undefined
  readonly ended: Promise<void>

  constructor(log: Logger) {
    // -I and -S: nothing of the environment or of site-packages takes part.
    this.#child = spawn(helperPython, ['-I', '-S', program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (message, handle) =>
      this.#take(message as Answer | ExitEvent, handle as Server | Socket | undefined),
    )
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (this.#gone) return
        this.#gone = new Error(`the namespace helper ${how}`)
        for (const waiting of this.#waiting.values()) waiting.reject(this.#gone)
        this.#waiting.clear()
        for (const tell of this.#ends.values()) tell({ code: undefined, signal: undefined })
        this.#ends.clear()
        resolve()
      }
      this.#child.on('error', (error) => {
        log.error({ err: error }, 'the namespace helper failed')
        end(`failed: ${error.message}`)
      })
      this.#child.on('exit', (code, signal) => end(`ended (${signal ?? code})`))
    })
    // The channel alone must not keep a worker alive that has nothing else to do.
    this.#child.unref()
    this.#child.channel?.unref()
  }

  get alive(): boolean {
    return this.#gone === undefined
  }

  async pipes(paths: readonly string[]): Promise<void> {
    await this.#ask({ op: 'pipes', paths })
  }

  /** Runs an OCI runtime that detaches. Resolves to the sandbox's pid and how that process will have ended. */
  async run(request: {
    readonly command: readonly string[]
    readonly stdout: string
    readonly stderr: string
    readonly pidFile: string
  }): Promise<{ readonly pid: number; readonly end: Promise<ProcessEnd> }> {
    const { process } = await this.#ask({ op: 'run', ...request })
    if (!process) throw new Error('the namespace helper told no pid')
    return process
  }

  /** Sends a process that was started through `run` a signal; without effect once that has ended. */
  signal(pid: number, name: NodeJS.Signals): void {
    // A helper that has gone has told of that by the end of everything that it watched.
    void this.#ask({ op: 'signal', pid, name }).catch(() => undefined)
  }

  async mount(pid: number, mark: string, source: string, target: string): Promise<void> {
    await this.#ask({ op: 'mount', pid, mark, source, target })
  }

  async listen(pid: number, mark: string, port: number): Promise<Server> {
    const { handle } = await this.#ask({ op: 'listen', pid, mark, port })
    if (!handle) throw new Error('the namespace helper handed over no socket')
    return handle as Server
  }

  async dial(pid: number, mark: string, port: number): Promise<Socket> {
    const { handle } = await this.#ask({ op: 'dial', pid, mark, port })
    if (!handle) throw new Error('the namespace helper handed over no socket')
    return handle as Socket
  }

  /** Ends it; sandboxes it watched live on, unwatched. */
  async close(): Promise<void> {
    if (this.#gone) return
    this.#child.disconnect()
    await this.ended
  }

  #endOf(pid: number): Promise<ProcessEnd> {
    return new Promise((resolve) => {
      if (this.#gone) resolve({ code: undefined, signal: undefined })
      else this.#ends.set(pid, resolve)
    })
  }

  #ask(request: Readonly<Record<string, unknown>>): Promise<Settled> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone)
      const id = this.#nextId++
      this.#waiting.set(id, { resolve, reject })
      this.#child.send({ id, ...request }, (error) => {
        if (error && this.#waiting.delete(id)) reject(error)
      })
    })
  }

  #take(message: Answer | ExitEvent, handle: Server | Socket | undefined): void {
    if ('event' in message) {
      this.#ends.get(message.pid)?.({ code: message.code, signal: message.signal })
      this.#ends.delete(message.pid)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.error !== undefined) waiting?.reject(new Error(message.error))
    // Watched from this very turn on: the process may have ended, and its end be the next message.
    else
      waiting?.resolve({
        process: message.pid === undefined ? undefined : { pid: message.pid, end: this.#endOf(message.pid) },
        handle,
      })
  }
}
