import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { ok } from '@weft/contracts'
import { handOn } from '@weft/platform/host'
import type {
  CodeFolders,
  ProgramRequest,
  RuntimeImage,
  Sandbox,
  SandboxDriver,
  SandboxExit,
  SandboxLimits,
  SandboxListener,
  SandboxProgram,
  SandboxStats,
  Scratch,
  StemRequest,
} from '@weft/sandbox'

export interface ProcessDriverOptions {
  /** Folder of the worker's own. */
  readonly dataDir: string
}

/**
 * Plain child processes: no isolation of any kind and no limits. For machines where nothing else runs, by explicit
 * choice only.
 */
export function createProcessDriver({ dataDir }: ProcessDriverOptions): SandboxDriver {
  const root = join(dataDir, 'process-sandboxes')
  return {
    name: 'process',
    isolation: 'none',
    describe:
      'NO ISOLATION: functions are plain processes of this user and can read, change and reach whatever it can; ' +
      'no limit of memory, CPU, processes, files or network holds',
    probe: async () => ok(undefined),
    create: (request) => start(request, join(root, request.sandboxId)),
    async cleanUp() {
      const removed: string[] = []
      for (const id of namesIn(root)) {
        const mark = readIfThere(join(root, id, 'process'))
        if (mark !== undefined) {
          const [pid = '', born = ''] = mark.split(' ')
          // The pid may belong to another process by now; its time of birth tells.
          if (bornAt(Number(pid)) === born) killGroup(Number(pid))
        }
        killStrays(join(root, id))
        await rm(join(root, id), { recursive: true, force: true })
        removed.push(`process of sandbox ${id}`)
      }
      return removed
    },
  }
}

async function start(request: StemRequest, dir: string): Promise<Sandbox> {
  if (request.scratch instanceof ProcessScratch) {
    await mkdir(dir, { recursive: true })
    await rename(join(request.scratch.dir, 'tmp'), join(dir, 'tmp'))
    await request.scratch.release()
  } else await mkdir(join(dir, 'tmp'), { recursive: true })
  const { runtime } = request
  const [program = '', ...args] = runtime.command.map((word) => onHost(word, runtime))
  const child = spawn(program, args, {
    cwd: dir,
    env: {
      ...runtime.environment,
      WEFT_RUNTIME_SOCKET: join(request.socketDir, 'runtime.sock'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, so that its end takes along what it started.
    detached: true,
  })
  try {
    await once(child, 'spawn')
    await writeFile(join(dir, 'process'), `${child.pid} ${bornAt(child.pid as number) ?? ''}`)
    const sandbox = new ProcessSandbox(request, child, dir)
    if (request.code) await sandbox.mountCode(request.code)
    return sandbox
  } catch (error) {
    if (child.pid !== undefined) killGroup(child.pid)
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}

class ProcessSandbox implements Sandbox {
  readonly id: string
  readonly pid: number
  readonly taskRoot: string
  readonly layersRoot: string
  readonly variables: Readonly<Record<string, string>>
  readonly exited: Promise<SandboxExit>
  readonly #request: StemRequest
  readonly #child: ChildProcess
  readonly #dir: string
  readonly #programs: number[] = []
  #ended = false
  #retired = false
  #peakBytes = 0

  constructor(request: StemRequest, child: ChildProcess, dir: string) {
    this.id = request.sandboxId
    this.#request = request
    this.pid = child.pid as number
    this.taskRoot = join(dir, 'task')
    this.layersRoot = join(dir, 'opt')
    this.variables = { TMPDIR: join(dir, 'tmp') }
    this.#child = child
    this.#dir = dir
    this.exited = once(child, 'exit').then(([code, signal]) => {
      this.#ended = true
      return exitOf(code, signal)
    })
  }

  onOutput(listener: (chunk: Buffer, from: 'stdout' | 'stderr') => number): void {
    const { stdout, stderr } = this.#child
    if (stdout) handOn(stdout, (chunk) => listener(chunk, 'stdout'))
    if (stderr) handOn(stderr, (chunk) => listener(chunk, 'stderr'))
  }

  async mountCode({ taskDir, layersDir }: CodeFolders): Promise<void> {
    await symlink(taskDir, this.taskRoot)
    if (layersDir !== undefined) await symlink(layersDir, this.layersRoot)
  }

  async run(request: ProgramRequest): Promise<SandboxProgram> {
    const [program = '', ...args] = request.command.map((word) => onHost(word, this.#request.runtime))
    const child = spawn(program, args, {
      cwd: request.folder,
      env: { WEFT_RUNTIME_SOCKET: join(this.#request.socketDir, 'runtime.sock'), ...request.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    await once(child, 'spawn')
    this.#programs.push(child.pid as number)
    return {
      exited: once(child, 'exit').then(([code, signal]) => exitOf(code, signal)),
      onOutput: (listener) => {
        handOn(child.stdout, listener)
        handOn(child.stderr, listener)
      },
      signal: (signal) => {
        if (child.exitCode === null && child.signalCode === null) killGroup(child.pid as number, signal)
      },
    }
  }

  async dial(port: number): Promise<Socket> {
    return connect(port, '127.0.0.1')
  }

  terminate(): void {
    this.#signal('SIGTERM')
  }

  /** Every sandbox shares the host's loopback, so the port is any free one. */
  async listen(): Promise<SandboxListener> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  async limit(_limits: SandboxLimits): Promise<void> {
    // Nothing that a function could not undo could be set on a process of the same user.
  }

  async freeze(): Promise<void> {
    this.#signal('SIGSTOP')
  }

  async thaw(): Promise<void> {
    this.#signal('SIGCONT')
  }

  async stats(): Promise<SandboxStats> {
    const status = this.#ended ? undefined : readIfThere(`/proc/${this.pid}/status`)
    const bytes = (key: string): number =>
      Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status ?? '')?.[1] ?? 0) * 1024
    this.#peakBytes = Math.max(this.#peakBytes, bytes('VmHWM'))
    return { memoryBytes: bytes('VmRSS'), memoryPeakBytes: this.#peakBytes, cpuMs: 0 }
  }

  async destroy(): Promise<void> {
    await this.#end()
    if (!this.#retired) await rm(this.#dir, { recursive: true, force: true })
  }

  async retire(): Promise<Scratch> {
    this.#retired = true
    await this.#end()
    return new ProcessScratch(this.#dir)
  }

  async #end(): Promise<void> {
    for (const pid of [this.pid, ...this.#programs]) killGroup(pid)
    killStrays(this.#dir)
    await this.exited
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#ended) killGroup(this.pid, signal)
  }
}

const exitOf = (code: number | null, signal: string | null): SandboxExit => ({
  ...{ code: code ?? undefined, signal: signal ?? undefined, oomKilled: false },
})

/** The folder of a sandbox that has ended, of which the next one takes /tmp. */
class ProcessScratch implements Scratch {
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
  }

  async release(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true })
  }
}

/** Where a path inside lies on the host. */
function onHost(word: string, { binds }: RuntimeImage): string {
  for (const [host, inside] of binds) {
    if (word === inside) return host
    if (word.startsWith(`${inside}/`)) return host + word.slice(inside.length)
  }
  return word
}

function killGroup(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Ends what has left the process group of a sandbox: its environment shows where its /tmp was, unless it hid that. */
function killStrays(dir: string): void {
  for (const pid of namesIn('/proc')) {
    if (!/^\d+$/.test(pid) || !readIfThere(`/proc/${pid}/environ`)?.includes(`TMPDIR=${dir}/`)) continue
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** Start time of a process in clock ticks since boot; undefined when there is no such process. */
const bornAt = (pid: number): string | undefined =>
  readIfThere(`/proc/${pid}/stat`)?.replace(/^.*\)/s, '').split(' ')[20]

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // Other users' processes are none of ours.
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
