import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface Frame {
  readonly type: number
  readonly body: Buffer
}

/** The host's side of the private runtime protocol, bare: one runtime process outside any sandbox. */
export class HostSide implements AsyncDisposable {
  readonly #dir: string
  readonly #child: ChildProcess
  readonly #socket: Socket
  readonly #closed: Promise<unknown>
  readonly #frames: Frame[] = []
  #held = Buffer.alloc(0)
  #wake: () => void = () => {}
  readonly exited: Promise<number | null>

  private constructor(dir: string, child: ChildProcess, socket: Socket) {
    this.#dir = dir
    this.#child = child
    this.#socket = socket
    this.#closed = once(socket, 'close')
    this.exited = once(child, 'exit').then(([code]) => code as number | null)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => {
      // The runtime ended while it was written to; `exited` tells.
    })
  }

  /** Starts `command` with the given files as the function's package. */
  static async start(command: readonly string[], files: Readonly<Record<string, string | Buffer>>): Promise<HostSide> {
    const dir = mkdtempSync(join(tmpdir(), 'weft-runtime-'))
    mkdirSync(join(dir, 'task'))
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, 'task', name)), { recursive: true })
      writeFileSync(join(dir, 'task', name), content)
    }
    const server = createServer().listen(join(dir, 'runtime.sock'))
    await once(server, 'listening')
    const child = spawn(command[0] as string, command.slice(1), {
      env: { WEFT_RUNTIME_SOCKET: join(dir, 'runtime.sock') },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const [socket] = (await once(server, 'connection')) as [Socket]
    server.close()
    return new HostSide(dir, child, socket)
  }

  get taskRoot(): string {
    return join(this.#dir, 'task')
  }

  init(handler: string, environment: Readonly<Record<string, string>> = {}, logFormat = 'Text'): void {
    const request = { handler, taskRoot: this.taskRoot, layersRoot: join(this.#dir, 'opt'), environment, logFormat }
    this.#send(1, Buffer.from(JSON.stringify(request)))
  }

  invoke(requestId: string, payload: string, header: Readonly<Record<string, unknown>> = {}): void {
    const text = Buffer.from(
      JSON.stringify({ requestId, deadlineMs: Date.now() + 60_000, invokedFunctionArn: 'arn:x', ...header }),
    )
    const length = Buffer.alloc(4)
    length.writeUInt32BE(text.length)
    this.#send(2, length, text, Buffer.from(payload))
  }

  /** The next frame; rejects when the runtime ends first. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame) return frame
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      if (this.#socket.closed) throw new Error('the runtime hung up')
      await Promise.race([woken, this.#closed])
    }
  }

  /** Messages of LOG frames up to the first frame of another type, and that frame. */
  async answer(): Promise<{ readonly logs: readonly string[]; readonly type: number; readonly body: string }> {
    const logs: string[] = []
    for (;;) {
      const { type, body } = await this.next()
      if (type !== 21) return { logs, type, body: body.toString() }
      logs.push(body.subarray(8).toString())
    }
  }

  #send(type: number, ...parts: Buffer[]): void {
    const head = Buffer.alloc(5)
    head.writeUInt32BE(1 + parts.reduce((sum, part) => sum + part.length, 0))
    head[4] = type
    this.#socket.write(Buffer.concat([head, ...parts]))
  }

  #take(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk])
    while (this.#held.length >= 4) {
      const end = 4 + this.#held.readUInt32BE(0)
      if (this.#held.length < end) break
      this.#frames.push({ type: this.#held[4] as number, body: Buffer.from(this.#held.subarray(5, end)) })
      this.#held = this.#held.subarray(end)
    }
    this.#wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL')
    await this.exited
    rmSync(this.#dir, { recursive: true, force: true })
  }
}
