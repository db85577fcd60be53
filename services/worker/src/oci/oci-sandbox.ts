import type { Socket } from 'node:net'
import { finished } from 'node:stream/promises'
import { type Cgroup, handOn } from '@weft/platform/host'
import type {
  CodeFolders,
  ProgramRequest,
  Sandbox,
  SandboxExit,
  SandboxLimits,
  SandboxListener,
  SandboxProgram,
  SandboxStats,
  Scratch,
} from '@weft/sandbox'
import type { NamespaceHelper, ProcessEnd } from './helper.ts'

export interface OciSandboxParts {
  readonly id: string
  readonly pid: number
  readonly end: Promise<ProcessEnd>
  /** Undefined when its process had ended before it could be looked at. */
  readonly cgroup: Cgroup | undefined
  readonly stdout: Socket
  readonly stderr: Socket
  readonly helper: NamespaceHelper
  /** Occurs in the cgroup of every process of this sandbox and of no other. */
  readonly mark: string
  kill(): Promise<void>
  run(request: ProgramRequest): Promise<SandboxProgram>
  /** Gives back what the host lent, but for the disk: cgroup, folders. */
  release(): Promise<void>
  readonly scratch: Scratch
}

export class OciSandbox implements Sandbox {
  readonly id: string
  readonly pid: number
  readonly exited: Promise<SandboxExit>
  readonly #parts: OciSandboxParts
  #ended = false
  #retired: Promise<Scratch> | undefined
  #destroyed: Promise<void> | undefined

  constructor(parts: OciSandboxParts) {
    this.#parts = parts
    this.id = parts.id
    this.pid = parts.pid
    this.exited = this.#watch()
  }

  onOutput(listener: (chunk: Buffer, from: 'stdout' | 'stderr') => number): void {
    handOn(this.#parts.stdout, (chunk) => listener(chunk, 'stdout'))
    handOn(this.#parts.stderr, (chunk) => listener(chunk, 'stderr'))
  }

  async mountCode({ taskDir, layersDir }: CodeFolders): Promise<void> {
    const { helper, mark } = this.#parts
    if (!this.#ended) await helper.mount(this.pid, mark, taskDir, '/var/task')
    if (!this.#ended && layersDir !== undefined) await helper.mount(this.pid, mark, layersDir, '/opt')
  }

  async showFile(hostFile: string, inside: string): Promise<void> {
    if (!this.#ended) await this.#parts.helper.mount(this.pid, this.#parts.mark, hostFile, inside)
  }

  async listen(port: number): Promise<SandboxListener> {
    const server = await this.#parts.helper.listen(this.pid, this.#parts.mark, port)
    return { server, address: `127.0.0.1:${port}` }
  }

  run(request: ProgramRequest): Promise<SandboxProgram> {
    return this.#parts.run(request)
  }

  dial(port: number): Promise<Socket> {
    return this.#parts.helper.dial(this.pid, this.#parts.mark, port)
  }

  terminate(): void {
    if (!this.#ended) this.#parts.helper.signal(this.pid, 'SIGTERM')
  }

  async limit({ memoryMb, cpu }: SandboxLimits): Promise<void> {
    if (!this.#ended) this.#parts.cgroup?.limit({ memoryBytes: memoryMb * 1024 * 1024, cpu })
  }

  async freeze(): Promise<void> {
    if (!this.#ended) this.#parts.cgroup?.freeze()
  }

  async thaw(): Promise<void> {
    if (!this.#ended) this.#parts.cgroup?.thaw()
  }

  async stats(): Promise<SandboxStats> {
    const { cgroup } = this.#parts
    if (!cgroup) return { memoryPeakBytes: 0, memoryBytes: 0, cpuMs: 0, oomKills: 0 }
    return { ...cgroup.stats(), oomKills: cgroup.oomKills() }
  }

  destroy(): Promise<void> {
    const destroy = async (): Promise<void> => {
      // What was kept is its successor's.
      if (this.#retired !== undefined) await this.#retired
      else await (await this.#end()).release()
    }
    this.#destroyed ??= destroy()
    return this.#destroyed
  }

  retire(): Promise<Scratch> {
    this.#retired ??= this.#end()
    return this.#retired
  }

  async #end(): Promise<Scratch> {
    // All at once where the kernel can; the rounds of killGroup catch what forks meanwhile, and what the helper lost.
    this.#parts.cgroup?.kill()
    await this.#parts.kill()
    await this.exited
    await this.#parts.release()
    return this.#parts.scratch
  }

  async #watch(): Promise<SandboxExit> {
    const { end, stdout, stderr, cgroup } = this.#parts
    for (const stream of [stdout, stderr]) stream.on('error', () => stream.destroy())
    const { code, signal } = await end
    const oomKilled = signal === 'SIGKILL' && (cgroup?.oomKills() ?? 0) > 0
    this.#ended = true
    // With the first process of its namespace all others are gone, so the pipes end; nobody may hold them open.
    for (const stream of [stdout, stderr]) if (stream.readableFlowing === null) stream.resume()
    await Promise.all([finished(stdout).catch(() => {}), finished(stderr).catch(() => {})])
    return { code, signal, oomKilled }
  }
}
