import type { Server, Socket } from 'node:net'
import { constants } from 'node:os'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { type Clock, delay, type Logger } from '@weft/platform'
import { type Cgroup, cgroupOf, linkTree } from '@weft/platform/host'
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
import type Docker from 'dockerode'
import { demultiplex } from './demultiplex.ts'
import { runInContainer } from './docker-program.ts'
import { EngineTimeout, statusOf, withTimeout } from './engine.ts'

/** Acts inside the namespaces of a process on this host. `mark` occurs in the cgroup of the process that is meant. */
export interface InsideHelper {
  /** Makes a host folder visible there, read-only. */
  mount(pid: number, mark: string, hostDir: string, insideDir: string): Promise<void>
  /** Opens 127.0.0.1:port there. */
  listen(pid: number, mark: string, port: number): Promise<Server>
  /** Connects to 127.0.0.1:port there; that nobody listens shows as an error of the socket. */
  dial(pid: number, mark: string, port: number): Promise<Socket>
  close(): Promise<void>
}

export interface DockerSandboxParts {
  readonly id: string
  readonly container: Docker.Container
  readonly output: Duplex
  /** As the engine tells it; of a remote engine it means nothing here. */
  readonly pid: number
  /** Host folders seen at /var/task and /opt. */
  readonly taskDir: string
  readonly layersDir: string
  readonly helper: InsideHelper | undefined
  readonly clock: Clock
  readonly log: Logger
  /** The user that everything inside runs as. */
  readonly user: string
  /** The disk of its /tmp. */
  readonly scratch: Scratch
  /** Gives back what else the host lent. Called once the container is gone. */
  readonly release: () => Promise<void>
}

const callMs = 10_000
const removeMs = 20_000
/** After the end of its process, how long a sandbox's last output is waited for. */
const lastOutputMs = 1_000
/** The engine may learn of a kill for memory a little after it learns of the exit. */
const oomLookMs = 100
const cpuPeriodUs = 100_000
const killedStatus = 128 + constants.signals.SIGKILL

export class DockerSandbox implements Sandbox {
  readonly id: string
  readonly pid: number | undefined
  readonly exited: Promise<SandboxExit>
  /** It comes through the engine. */
  readonly outputDelayMs = 50
  readonly listen?: (port: number) => Promise<SandboxListener>
  readonly showFile?: (hostFile: string, inside: string) => Promise<void>
  readonly dial?: (port: number) => Promise<Socket>
  readonly run?: (request: ProgramRequest) => Promise<SandboxProgram>
  readonly #parts: DockerSandboxParts
  /** Undefined when the container's processes are not visible from here; then the engine is asked. */
  readonly #cgroup: Cgroup | undefined
  readonly #gone = new AbortController()
  #ended = false
  #listening = false
  #ending: Promise<void> | undefined
  #destroyed: Promise<void> | undefined
  #retired = false
  /** Pauses and their ends in the order of the calls. */
  #turn: Promise<void> = Promise.resolve()
  #paused = false

  constructor(parts: DockerSandboxParts) {
    this.#parts = parts
    this.id = parts.id
    this.#cgroup = cgroupOfContainer(parts.pid, parts.container.id)
    this.pid = this.#cgroup ? parts.pid : undefined
    this.exited = this.#watch()
    const { helper, container } = parts
    if (helper && this.#cgroup) {
      this.listen = async (port) => {
        const server = await helper.listen(parts.pid, container.id, port)
        return { server, address: `127.0.0.1:${port}` }
      }
      this.showFile = (hostFile, inside) => helper.mount(parts.pid, container.id, hostFile, inside)
      this.dial = (port) => helper.dial(parts.pid, container.id, port)
      this.run = (request) => runInContainer(container, parts.user, parts.clock, request)
    }
    parts.output.on('error', (error) => parts.log.debug({ err: error, sandbox: this.id }, 'output of a sandbox ended'))
  }

  onOutput(listener: (chunk: Buffer, from: 'stdout' | 'stderr') => number): void {
    this.#listening = true
    demultiplex(this.#parts.output, listener)
  }

  async mountCode({ taskDir, layersDir }: CodeFolders): Promise<void> {
    await this.#show(taskDir, '/var/task', this.#parts.taskDir)
    if (layersDir !== undefined) await this.#show(layersDir, '/opt', this.#parts.layersDir)
  }

  async #show(hostDir: string, inside: string, bound: string): Promise<void> {
    if (this.#ended) return
    const { helper, container, pid } = this.#parts
    // The mount takes the same time for any package; links take time for each file.
    if (helper && this.#cgroup) await helper.mount(pid, container.id, hostDir, inside)
    else await linkTree(hostDir, bound)
  }

  async limit({ memoryMb, cpu }: SandboxLimits): Promise<void> {
    if (this.#ended) return
    const memoryBytes = memoryMb * 1024 * 1024
    if (this.#cgroup) return this.#cgroup.limit({ memoryBytes, cpu })
    await this.#ask('change limits', (container, call) =>
      container.update({
        Memory: memoryBytes,
        MemorySwap: memoryBytes,
        CpuPeriod: cpuPeriodUs,
        CpuQuota: cpu > 0 ? Math.max(1_000, Math.round(cpu * cpuPeriodUs)) : -1,
        ...call,
      }),
    )
  }

  async freeze(): Promise<void> {
    if (this.#ended) return
    if (this.#cgroup) return this.#cgroup.freeze()
    await this.#inTurn(async () => {
      if (this.#paused) return
      await this.#ask('pause', (container, call) => container.pause(call))
      this.#paused = true
    })
  }

  async thaw(): Promise<void> {
    if (this.#ended) return
    if (this.#cgroup) return this.#cgroup.thaw()
    await this.#inTurn(async () => {
      if (!this.#paused) return
      await this.#ask('unpause', (container, call) => container.unpause(call))
      this.#paused = false
    })
  }

  async stats(): Promise<SandboxStats> {
    const none = { memoryPeakBytes: 0, memoryBytes: 0, cpuMs: 0 }
    if (this.#ended) return none
    if (this.#cgroup) return { ...this.#cgroup.stats(), oomKills: this.#cgroup.oomKills() }
    const stats = await this.#ask('tell statistics', (container, call) => container.stats({ stream: false, ...call }))
    if (!stats) return none
    const memoryBytes = stats.memory_stats?.usage ?? 0
    return {
      memoryBytes,
      memoryPeakBytes: Math.max(stats.memory_stats?.max_usage ?? 0, memoryBytes),
      cpuMs: (stats.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1_000_000,
    }
  }

  terminate(): void {
    if (this.#ended) return
    void this.#ask('signal the runtime', (container, call) => container.kill({ signal: 'SIGTERM', ...call })).catch(
      (error) => this.#parts.log.warn({ err: error, sandbox: this.id }, 'the runtime could not be told to end'),
    )
  }

  destroy(): Promise<void> {
    const gone = this.#ending ?? this.#end()
    this.#destroyed ??= this.#retired ? gone : gone.then(() => this.#parts.scratch.release())
    return this.#destroyed
  }

  async retire(): Promise<Scratch> {
    this.#retired = true
    await (this.#ending ?? this.#end())
    return this.#parts.scratch
  }

  #end(): Promise<void> {
    this.#ending = this.#remove()
    return this.#ending
  }

  async #remove(): Promise<void> {
    const { container, clock, output, release } = this.#parts
    // Under version 1 a frozen process does not die before it is thawed; the engine knows nothing of a direct freeze.
    this.#cgroup?.kill()
    await withTimeout(clock, removeMs, 'remove a container', (call) =>
      container.remove({ force: true, v: true, ...call }),
    ).catch((error) => {
      if (statusOf(error) !== 404) throw error
    })
    this.#gone.abort()
    await this.exited
    output.destroy()
    await release()
  }

  async #watch(): Promise<SandboxExit> {
    const { container, output, clock } = this.#parts
    const outputEnd = finished(output).catch(() => {})
    const status = await this.#exitStatus()
    const killed = status === undefined || status === killedStatus
    const oomKilled = killed && !this.#ending && (await this.#wasOutOfMemory(container))
    this.#ended = true
    // A listener gets all the output before it hears of the end, unless a process outside holds the pipe open.
    if (this.#listening && !this.#ending) await Promise.race([outputEnd, delay(clock, lastOutputMs, this.#gone.signal)])
    return exitOf(status, oomKilled)
  }

  /** Waits for the end; undefined when the container was removed and nobody knows. */
  async #exitStatus(): Promise<number | undefined> {
    const { container, clock, log } = this.#parts
    while (!this.#gone.signal.aborted) {
      try {
        const { StatusCode } = (await container.wait({ abortSignal: this.#gone.signal })) as { StatusCode: number }
        return StatusCode
      } catch (error) {
        if (this.#gone.signal.aborted || statusOf(error) === 404) return undefined
        log.warn({ err: error, sandbox: this.id }, 'the Docker engine broke off a wait, asking again')
        await delay(clock, 200, this.#gone.signal)
      }
    }
    return undefined
  }

  async #wasOutOfMemory(container: Docker.Container): Promise<boolean> {
    const { clock, log } = this.#parts
    for (let look = 0; look < 2; look++) {
      try {
        const { State } = await withTimeout(clock, callMs, 'inspect a container', (call) => container.inspect(call))
        if (State.OOMKilled) return true
      } catch (error) {
        if (statusOf(error) !== 404) log.warn({ err: error, sandbox: this.id }, 'cannot learn why a sandbox ended')
        return false
      }
      await delay(clock, oomLookMs, this.#gone.signal)
    }
    return false
  }

  /** A call on the container; nothing when it has ended meanwhile, as the port promises. */
  async #ask<T>(
    what: string,
    run: (container: Docker.Container, call: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await withTimeout(this.#parts.clock, callMs, `${what} of a container`, (call) =>
        run(this.#parts.container, call),
      )
    } catch (error) {
      const status = statusOf(error)
      if (error instanceof EngineTimeout || (status !== 404 && status !== 409)) throw error
      // 409 is also the answer to what a container that runs cannot do, which would be a mistake of ours.
      const running = await this.#parts.container.inspect().then(
        ({ State }) => State.Running,
        () => false,
      )
      if (running) throw error
      return undefined
    }
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(run)
    this.#turn = done.catch(() => {})
    return done
  }
}

/**
 * The engine reports a death by signal N as status 128 + N. A program may exit with such a status itself, but few do,
 * and AWS tells the two apart only in the text of an error.
 */
function exitOf(status: number | undefined, oomKilled: boolean): SandboxExit {
  if (status === undefined) return { code: undefined, signal: 'SIGKILL', oomKilled }
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0]
  return signal ? { code: undefined, signal, oomKilled } : { code: status, signal: undefined, oomKilled }
}

/** A pid of an engine elsewhere could belong to any process here: only a cgroup named after the container counts. */
function cgroupOfContainer(pid: number, containerId: string): Cgroup | undefined {
  return pid > 0 ? cgroupOf(pid, undefined, (path) => path.includes(containerId)) : undefined
}
