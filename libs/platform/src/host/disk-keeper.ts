import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('./disk-keeper.py', import.meta.url))
export const keeperPython = '/usr/bin/python3'

export interface Disk {
  readonly image: string
  readonly folder: string
}

export interface NewDisk extends Disk {
  /** A formatted file system, copied. */
  readonly template: string
  readonly uid: number
  readonly gid: number
}

type Request = ({ readonly op: 'mount' } & NewDisk) | ({ readonly op: 'unmount' } & Disk)

interface Waiting {
  resolve(): void
  reject(error: Error): void
}

/**
 * The process that mounts and unmounts disks (disk-keeper.py), started when it is first needed and again should it die.
 * Calls reject with its own words.
 */
export class DiskKeeper {
  #running: Running | undefined

  ask(request: Request): Promise<void> {
    if (!this.#running?.alive) this.#running = new Running()
    return this.#running.ask(request)
  }

  /** Of the process, while it runs. */
  get pid(): number | undefined {
    return this.#running?.alive ? this.#running.pid : undefined
  }

  /** Ends the process once all that was asked is done. */
  async close(): Promise<void> {
    await this.#running?.close()
  }
}

class Running {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #waiting = new Map<number, Waiting>()
  readonly #ended: Promise<void>
  #nextId = 1
  #held = ''
  #gone: Error | undefined

  constructor() {
    // -I and -S: nothing of the environment or of site-packages takes part.
    this.#child = spawn(keeperPython, ['-I', '-S', program], { stdio: ['pipe', 'pipe', 'inherit'] })
    const { stdin, stdout } = this.#child
    stdout.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    // Its end tells what there is to tell.
    stdin.on('error', () => undefined)
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#gone ??= new Error(`the keeper of disks ${how}`)
        for (const { reject } of this.#waiting.values()) reject(this.#gone)
        this.#waiting.clear()
        resolve()
      }
      this.#child.on('error', (error) => end(`failed: ${error.message}`))
      this.#child.on('close', (code, signal) => end(`ended (${signal ?? code})`))
    })
    this.#holdProcess(false)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get alive(): boolean {
    return this.#gone === undefined
  }

  ask(request: Request): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone)
      const id = this.#nextId++
      this.#waiting.set(id, { resolve, reject })
      this.#holdProcess(true)
      this.#child.stdin.write(`${JSON.stringify({ id, ...request })}\n`)
    })
  }

  async close(): Promise<void> {
    this.#holdProcess(true)
    this.#child.stdin.end()
    await this.#ended
  }

  /** Whether this process stays alive for it: only while it is waited for. */
  #holdProcess(hold: boolean): void {
    const pipe = this.#child.stdout as Readable & { ref(): void; unref(): void }
    if (hold) {
      this.#child.ref()
      pipe.ref()
    } else {
      this.#child.unref()
      pipe.unref()
    }
  }

  #take(text: string): void {
    const lines = (this.#held + text).split('\n')
    this.#held = lines.pop() ?? ''
    for (const line of lines) {
      const { id, error } = JSON.parse(line) as { id: number; error?: string }
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve()
      else waiting?.reject(new Error(error))
    }
    if (this.#waiting.size === 0) this.#holdProcess(false)
  }
}
