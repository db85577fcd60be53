import { randomInt } from 'node:crypto'
import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import { err, type IsolationClass, isolationOfRuntime, ok, type Result } from '@weft/contracts'
import { type Clock, type Logger, systemClock } from '@weft/platform'
import { canMakeScratchDisks, scratchDisks } from '@weft/platform/host'
import {
  type ImageContent,
  type ImageRoot,
  type Sandbox,
  type SandboxDriver,
  type Scratch,
  type StemRequest,
  seccompProfile,
} from '@weft/sandbox'
import type Docker from 'dockerode'
import { ensureBaseImage } from './base-image.ts'
import {
  type ContainerRequest,
  containerOptions,
  groupFile,
  hostsFile,
  ownerLabel,
  passwdFile,
  type SandboxPaths,
  sandboxLabel,
} from './container-options.ts'
import { DockerSandbox, type InsideHelper } from './docker-sandbox.ts'
import { type Call, connectEngine, EngineTimeout, engineProblem, statusOf, withTimeout } from './engine.ts'
import { DockerImageRoot, ImageStore } from './image-store.ts'

export interface DockerDriverOptions {
  /**
   * Folder of the worker's own, at the same path for the engine as for this process. It is also the mark by which
   * cleanUp knows what is the worker's.
   */
  readonly dataDir: string
  readonly log: Logger
  /** `/var/run/docker.sock` by default. */
  readonly socketPath?: string
  /** Low-level runtime as the engine knows it: `runc` by default; `runsc` or a Kata runtime isolate more. */
  readonly engineRuntime?: string
  /**
   * Mounts and listens inside sandboxes whose processes are visible here; the driver closes it. Without it packages are
   * linked file by file, and sandboxes have no `listen`.
   */
  readonly helper?: InsideHelper
  readonly clock?: Clock
}

export const defaultDockerSocket = '/var/run/docker.sock'

/** Docker 20.10, the first with private cgroup namespaces. */
const leastApiVersion = [1, 41] as const
const probeMs = 5_000
const removeMs = 20_000
/** What a stem may use before its function's limit is known. */
const bootMemoryBytes = 1024 * 1024 * 1024
/** Users of sandboxes: far above those of hosts and containers, and so many that no two sandboxes draw the same. */
const uids = { first: 2 ** 24, end: 2 ** 31 - 1 }
const sharedHostFiles = [
  ...['/usr', '/etc/ld.so.cache', '/etc/alternatives', '/etc/ssl', '/etc/ca-certificates', '/etc/localtime'],
]

/**
 * Sandboxes as containers of a Docker engine on this host (dockerode). The engine chooses the low-level runtime, so
 * stronger isolation is configuration. A stem takes about 200 ms; freezing and limits go straight to the cgroup files
 * where they can be reached, else through the engine (15 ms).
 */
export function createDockerDriver(options: DockerDriverOptions): SandboxDriver {
  return new DockerDriver(options)
}

class DockerDriver implements SandboxDriver {
  readonly name = 'docker'
  readonly isolation: IsolationClass
  readonly withoutListeners: boolean
  readonly describe: string
  readonly openImage?: (content: ImageContent) => Promise<ImageRoot>
  readonly #docker: Docker
  readonly #owner: string
  readonly #root: string
  readonly #socketPath: string
  readonly #engineRuntime: string
  readonly #disks: ReturnType<typeof scratchDisks>
  readonly #disksDir: string
  readonly #helper: InsideHelper | undefined
  readonly #clock: Clock
  readonly #log: Logger
  readonly #images: ImageStore
  readonly #seccomp = seccompProfile(process.arch)
  #prepared: Promise<{ readonly image: string; readonly hostFiles: readonly string[] }> | undefined

  constructor(options: DockerDriverOptions) {
    this.#owner = resolve(options.dataDir)
    this.#root = join(this.#owner, 'docker-sandboxes')
    this.#socketPath = options.socketPath ?? defaultDockerSocket
    this.#engineRuntime = options.engineRuntime ?? 'runc'
    this.isolation = isolationOfRuntime(this.#engineRuntime)
    this.#docker = connectEngine(this.#socketPath)
    this.#disks = scratchDisks(join(this.#owner, 'scratch'))
    this.#disksDir = join(this.#owner, 'docker-disks')
    this.#helper = options.helper
    this.withoutListeners = options.helper === undefined
    this.#clock = options.clock ?? systemClock
    this.#log = options.log
    this.#images = new ImageStore(this.#docker, this.#owner, this.#clock, this.#log)
    // Images speak the Runtime API, which needs a listener inside.
    if (options.helper) this.openImage = (content) => this.#images.open(content)
    this.describe =
      `containers of the Docker engine at ${this.#socketPath} under ${this.#engineRuntime}: own namespaces, user, ` +
      'limits and system call filter, no network; shares the host kernel unless that runtime brings its own'
  }

  async probe(): Promise<Result<void, string>> {
    try {
      return await withTimeout(this.#clock, probeMs, 'answer the questions of the start', (call) => this.#probe(call))
    } catch (error) {
      return err(engineProblem(error, this.#socketPath))
    }
  }

  async #probe(call: Call): Promise<Result<void, string>> {
    const version = await this.#docker.version()
    const [major = 0, minor = 0] = version.ApiVersion.split('.').map(Number)
    if (major < leastApiVersion[0] || (major === leastApiVersion[0] && minor < leastApiVersion[1]))
      return err(`Docker ${version.Version} is too old: 20.10 or later is needed`)
    const info: EngineInfo = await this.#docker.info()
    if (info.OSType !== 'linux') return err(`the Docker engine runs ${info.OSType} containers, not Linux ones`)
    if (!info.SecurityOptions?.some((option) => option.includes('name=seccomp')))
      return err('the Docker engine has no seccomp, without which a sandbox can make any system call')
    // Since Docker 23 a runtime may also be a shim that is not in the list; then the trial below decides.
    const runtimes = Object.keys(info.Runtimes ?? {})
    if (!runtimes.includes(this.#engineRuntime) && !this.#engineRuntime.includes('.'))
      return err(`the Docker engine knows no runtime "${this.#engineRuntime}", only ${runtimes.join(', ')}`)
    const disks = await canMakeScratchDisks()
    if (!disks.ok) return disks
    return this.#trial(call)
  }

  /** Has the engine check, without a start, that it takes the image, the runtime and folders of this process. */
  async #trial(call: Call): Promise<Result<void, string>> {
    const sandboxId = `probe-${randomInt(2 ** 40)}`
    const folder = this.#folder(sandboxId)
    const paths = await this.#makeFolders({ sandboxId, socketDir: folder }, uids.first, folder)
    try {
      const request = await this.#containerRequest({ sandboxId, runtime: trialRuntime }, uids.first, paths)
      const container = await this.#docker.createContainer({ ...containerOptions(request), ...call })
      await container.remove({ force: true, ...call })
      return ok(undefined)
    } catch (error) {
      if (statusOf(error) === undefined) throw error
      return err(`the Docker engine refuses a sandbox: ${(error as Error).message}`)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async create(request: StemRequest): Promise<Sandbox> {
    let work: Promise<Sandbox> | undefined
    try {
      return await withTimeout(this.#clock, request.timeoutMs, 'start a sandbox', (call) => {
        work = this.#start(request, call)
        return work
      })
    } catch (error) {
      // What was given up at the deadline ends soon, its calls being aborted; until then it makes more to take back.
      await work?.catch(() => {})
      await this.#abandon(request, error)
      throw error
    }
  }

  async #start(request: StemRequest, call: Call): Promise<Sandbox> {
    const { sandboxId } = request
    const kept = request.scratch instanceof DockerScratch ? request.scratch : undefined
    const uid = kept?.uid ?? randomInt(uids.first, uids.end)
    const tmpDir = kept?.tmpDir ?? join(this.#disksDir, sandboxId)
    const scratch = kept ?? new DockerScratch(tmpDir, uid, () => this.#disks.unmount(tmpDir))
    await mkdir(tmpDir, { recursive: true })
    const make = async () => {
      const paths = await this.#makeFolders(request, uid, tmpDir)
      const options = containerOptions(await this.#containerRequest(request, uid, paths))
      return { paths, container: await this.#docker.createContainer({ ...options, ...call }) }
    }
    // The disk need not be there before the container starts. Both are awaited whatever becomes of the other: what is to
    // be taken back must be complete.
    const [made, mounted] = await Promise.allSettled([
      make(),
      kept ? undefined : this.#disks.mount(tmpDir, request.ephemeralStorageMb, { uid, gid: uid }),
    ])
    if (made.status === 'rejected') throw made.reason
    if (mounted.status === 'rejected') throw mounted.reason
    const { paths, container } = made.value
    // Before the start, or the first output would be lost: the engine keeps none.
    const attach = { stream: true, stdout: true, stderr: true, hijack: true, ...call }
    const output = (await container.attach(attach)) as Duplex
    await container.start(call)
    const { State } = await container.inspect(call)
    return new DockerSandbox({
      id: sandboxId,
      container,
      output,
      pid: State.Pid,
      taskDir: paths.task,
      layersDir: paths.layers,
      helper: this.#helper,
      clock: this.#clock,
      log: this.#log,
      user: `${uid}:${uid}`,
      scratch,
      release: () => this.#release(sandboxId),
    })
  }

  /** Takes back a start that failed. After a timeout the engine may still be making the container, so it asks again. */
  async #abandon({ sandboxId, scratch }: StemRequest, cause: unknown): Promise<void> {
    const name = containerName(sandboxId)
    await this.#removeContainer(name)
    if (!scratch) await this.#disks.unmount(join(this.#disksDir, sandboxId))
    await this.#release(sandboxId)
    if (!(cause instanceof EngineTimeout)) return
    this.#clock.schedule(removeMs, () => {
      this.#removeContainer(name).catch((error) =>
        this.#log.error({ err: error, container: name }, 'cannot remove a container that was started too late'),
      )
    })
  }

  async cleanUp(): Promise<readonly string[]> {
    const removed: string[] = []
    const containers = await withTimeout(this.#clock, removeMs, 'list containers', (call) =>
      this.#docker.listContainers({ all: true, filters: { label: [`${ownerLabel}=${this.#owner}`] }, ...call }),
    )
    for (const { Id, Labels } of containers) {
      await this.#removeContainer(Id)
      removed.push(`container of sandbox ${Labels[sandboxLabel] ?? Id}`)
    }
    for (const sandboxId of await namesIn(this.#root)) {
      await this.#release(sandboxId)
      removed.push(`files of sandbox ${sandboxId}`)
    }
    for (const name of await namesIn(this.#disksDir)) {
      if (name.endsWith('.ext4')) continue
      await this.#disks.unmount(join(this.#disksDir, name))
      removed.push(`disk of sandbox ${name}`)
    }
    await rm(this.#disksDir, { recursive: true, force: true })
    for (const name of await this.#images.removeAll()) removed.push(`image ${name}`)
    return removed
  }

  async close(): Promise<void> {
    await this.#images.close()
    await this.#helper?.close()
    await this.#disks.close()
  }

  async #removeContainer(name: string): Promise<void> {
    try {
      await withTimeout(this.#clock, removeMs, 'remove a container', (call) =>
        this.#docker.getContainer(name).remove({ force: true, v: true, ...call }),
      )
    } catch (error) {
      if (statusOf(error) !== 404) throw error
    }
  }

  async #containerRequest(
    { sandboxId, runtime, root }: Pick<StemRequest, 'sandboxId' | 'runtime' | 'root'>,
    uid: number,
    paths: SandboxPaths,
  ): Promise<ContainerRequest> {
    const image = root instanceof DockerImageRoot ? root : undefined
    this.#prepared ??= this.#prepare()
    return {
      name: containerName(sandboxId),
      owner: this.#owner,
      sandboxId,
      runtime,
      uid,
      paths,
      memoryBytes: bootMemoryBytes,
      seccomp: this.#seccomp,
      engineRuntime: this.#engineRuntime,
      ...(await this.#prepared),
      ...(image && { image: image.imageName, bringsItsRoot: true }),
    }
  }

  /** Once for all sandboxes; tried again by the next one when it fails. */
  async #prepare() {
    try {
      const image = await withTimeout(this.#clock, probeMs, 'import the base image', (call) =>
        ensureBaseImage(this.#docker, call),
      )
      const there = await Promise.all(sharedHostFiles.map(isThere))
      return { image, hostFiles: sharedHostFiles.filter((_, i) => there[i]) }
    } catch (error) {
      this.#prepared = undefined
      throw error
    }
  }

  #folder(sandboxId: string): string {
    return join(this.#root, sandboxId)
  }

  async #makeFolders(
    request: Pick<StemRequest, 'sandboxId' | 'socketDir' | 'code'>,
    uid: number,
    tmp: string,
  ): Promise<SandboxPaths> {
    const folder = this.#folder(request.sandboxId)
    const paths = {
      run: request.socketDir,
      task: request.code?.taskDir ?? join(folder, 'task'),
      layers: request.code?.layersDir ?? join(folder, 'layers'),
      tmp,
      passwd: join(folder, 'passwd'),
      group: join(folder, 'group'),
      hosts: join(folder, 'hosts'),
    }
    await mkdir(folder, { recursive: true, mode: 0o755 })
    for (const own of [paths.task, paths.layers]) if (own.startsWith(folder)) await mkdir(own, { mode: 0o755 })
    await Promise.all([
      writeFile(paths.passwd, passwdFile(uid)),
      writeFile(paths.group, groupFile(uid)),
      writeFile(paths.hosts, hostsFile),
    ])
    return paths
  }

  async #release(sandboxId: string): Promise<void> {
    await rm(this.#folder(sandboxId), { recursive: true, force: true })
  }
}

/** The disk of an environment's /tmp, and the user that owns what is on it. */
class DockerScratch implements Scratch {
  readonly tmpDir: string
  readonly uid: number
  readonly release: () => Promise<void>

  constructor(tmpDir: string, uid: number, release: () => Promise<void>) {
    this.tmpDir = tmpDir
    this.uid = uid
    this.release = release
  }
}

interface EngineInfo {
  readonly OSType: string
  readonly SecurityOptions?: readonly string[]
  readonly Runtimes?: Readonly<Record<string, unknown>>
}

const trialRuntime = { id: 'probe', binds: [], command: ['/bin/true'], environment: {}, framed: false }

const containerName = (sandboxId: string): string => `weft-${sandboxId}`

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
