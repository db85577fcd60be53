import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { err, ok, type Result } from '@weft/contracts'
import { type Clock, delay, type Logger, systemClock } from '@weft/platform'
import { cgroupOf, scratchDisks } from '@weft/platform/host'
import {
  type ImageContent,
  type ImageRoot,
  type RuntimeImage,
  type Sandbox,
  type SandboxDriver,
  type Scratch,
  type StemRequest,
  seccompProfile,
} from '@weft/sandbox'
import { bundleConfig, insideUser, usersPerSandbox } from './bundle.ts'
import { groupFolders, killGroup, removeGroup, sandboxesIn } from './groups.ts'
import { NamespaceHelper } from './helper.ts'
import { ImageRoots, OciImageRoot } from './image-roots.ts'
import { removeMountsBelow } from './leftover-mounts.ts'
import { OciProgram } from './oci-program.ts'
import { OciSandbox } from './oci-sandbox.ts'
import { ownerOf } from './owner.ts'
import { hasRequirements } from './requirements.ts'
import { makeMountPoint, makeRootfs, sharedHostPaths } from './rootfs.ts'
import { Runc } from './runc.ts'

export interface OciDriverOptions {
  /** Folder of the worker's own; also the mark by which cleanUp knows what is the worker's. */
  readonly dataDir: string
  readonly log: Logger
  /** The low-level runtime: `runc` by default. */
  readonly runtimeBinary?: string
  readonly clock?: Clock
}

const probeMs = 5_000
/** What a stem may use before its function's limit is known. */
const bootMemoryBytes = 1024 * 1024 * 1024
/** Users of sandboxes: far above those of hosts and containers, and so many that no two sandboxes draw the same. */
const uidRanges = { first: 2 ** 24 / usersPerSandbox, end: 2 ** 31 / usersPerSandbox - 1 }

/**
 * Sandboxes by an OCI runtime (runc) directly, without an engine: the default on Linux. A stem takes about 60 ms;
 * freezing, limits and measurements go straight to the cgroup's files.
 */
export const createOciDriver = (options: OciDriverOptions): SandboxDriver => new OciDriver(options)

class OciDriver implements SandboxDriver {
  readonly name = 'oci'
  readonly isolation = 'container'
  readonly describe: string
  readonly #binary: string
  readonly #clock: Clock
  readonly #log: Logger
  /** Twelve hex digits of the data folder: what tells one worker's things on a host from another's. */
  readonly #owner: string
  /**
   * Root file system and bundles of sandboxes. Outside the data folder: the sandbox's users must be able to walk there,
   * and a data folder may lie in somebody's home.
   */
  readonly #root: string
  readonly #stateDir: string
  readonly #disks: ReturnType<typeof scratchDisks>
  /** Disks of sandboxes' /tmp: in the data folder, for /run is kept in memory on most hosts. */
  readonly #disksDir: string
  readonly #images: ImageRoots
  readonly #seccomp = seccompProfile(process.arch)
  #helper: NamespaceHelper | undefined
  /** By their paths inside. */
  readonly #mountPoints = new Map<string, Promise<void>>()
  #prepared: Promise<{ readonly hostPaths: readonly string[]; readonly openFilesHardLimit: number }> | undefined

  constructor(options: OciDriverOptions) {
    const dataDir = resolve(options.dataDir)
    this.#binary = options.runtimeBinary ?? 'runc'
    this.#clock = options.clock ?? systemClock
    this.#log = options.log
    mkdirSync(dataDir, { recursive: true })
    this.#owner = ownerOf(dataDir)
    this.#root = `/run/weft-${this.#owner}`
    this.#stateDir = join(this.#root, 'state')
    this.#disks = scratchDisks(join(dataDir, 'scratch'))
    this.#disksDir = join(dataDir, 'disks')
    this.#images = new ImageRoots(this.#imagesDir)
    this.describe =
      `containers made by ${this.#binary} directly: own user, namespaces, limits and system call filter, no network; ` +
      'shares the host kernel'
  }

  async probe(): Promise<Result<void, string>> {
    const met = await hasRequirements(this.#binary)
    if (!met.ok) return met
    return this.#trial()
  }

  /** Runs /usr/bin/true in a sandbox: whether this kernel lets us is nothing that can be read anywhere. */
  async #trial(): Promise<Result<void, string>> {
    const sandboxId = `probe${randomInt(2 ** 40)}`
    const socketDir = join(this.#root, sandboxId)
    const runtime: RuntimeImage = { id: 'probe', binds: [], command: ['/usr/bin/true'], environment: {}, framed: false }
    try {
      await mkdir(socketDir, { recursive: true })
      const sandbox = await this.create({ sandboxId, runtime, ephemeralStorageMb: 16, socketDir, timeoutMs: probeMs })
      sandbox.onOutput(() => 0)
      const { code } = await sandbox.exited
      await sandbox.destroy()
      return code === 0
        ? ok(undefined)
        : err(`${this.#binary} started a sandbox, but nothing runs in it (status ${code})`)
    } catch (error) {
      return err(`${this.#binary} cannot make a sandbox here: ${(error as Error).message}`)
    } finally {
      await rm(socketDir, { recursive: true, force: true })
    }
  }

  openImage(content: ImageContent): Promise<ImageRoot> {
    return this.#images.open(content)
  }

  async create(request: StemRequest): Promise<Sandbox> {
    const waiting = new AbortController()
    const late = delay(this.#clock, request.timeoutMs, waiting.signal).then(() => 'late' as const)
    const starting = this.#start(request)
    try {
      const first = await Promise.race([starting, late])
      if (first !== 'late') return first
      // It still ends one way or the other; whatever came of it goes.
      void starting
        .then((sandbox) => sandbox.destroy())
        .catch((error) => this.#log.debug({ err: error }, 'a late sandbox failed'))
      throw new Error(`the sandbox was not started within ${request.timeoutMs} ms`)
    } finally {
      waiting.abort()
    }
  }

  async #start(request: StemRequest): Promise<Sandbox> {
    const { hostPaths, openFilesHardLimit } = await this.#prepare()
    const { sandboxId } = request
    const helper = this.#liveHelper()
    const bundle = join(this.#root, 'sandboxes', sandboxId)
    const scratch = request.scratch instanceof OciScratch ? request.scratch : undefined
    const { tmpDir, firstHostUid } = scratch ?? {
      tmpDir: join(this.#disksDir, sandboxId),
      firstHostUid: randomInt(uidRanges.first, uidRanges.end) * usersPerSandbox,
    }
    const image = request.root instanceof OciImageRoot ? request.root : undefined
    const disk = scratch ?? new OciScratch(tmpDir, firstHostUid, () => this.#disks.unmount(tmpDir))
    const undo = async (): Promise<void> => {
      await removeGroup(this.#owner, sandboxId, this.#clock)
      await rm(join(this.#stateDir, sandboxId), { recursive: true, force: true })
      await rm(bundle, { recursive: true, force: true })
    }
    try {
      const owner = { uid: firstHostUid + insideUser.uid, gid: firstHostUid + insideUser.gid }
      await allDone([
        mkdir(bundle, { recursive: true, mode: 0o711 }),
        ...request.runtime.binds.map((bind) => this.#mountPoint(bind)),
        ...(scratch ? [] : [this.#disks.mount(tmpDir, request.ephemeralStorageMb, owner)]),
      ])
      const config = bundleConfig({
        sandboxId,
        runtime: request.runtime,
        firstHostUid,
        rootfs: image?.path ?? this.#rootfs,
        tmpDir,
        socketDir: request.socketDir,
        code: request.code,
        cgroupPath: `/weft/${this.#owner}/${sandboxId}`,
        memoryBytes: bootMemoryBytes,
        seccomp: this.#seccomp,
        openFilesHardLimit,
        sharedHostPaths: image ? [] : hostPaths,
      })
      await writeFile(join(bundle, 'config.json'), JSON.stringify(config))
      return await this.#run(helper, sandboxId, bundle, undo, disk)
    } catch (error) {
      await killGroup(this.#owner, sandboxId)
      await undo()
      if (!scratch) await disk.release()
      throw error
    }
  }

  async #run(
    helper: NamespaceHelper,
    sandboxId: string,
    bundle: string,
    release: () => Promise<void>,
    scratch: OciScratch,
  ): Promise<Sandbox> {
    const runc = new Runc(this.#binary, this.#stateDir, helper)
    const started = await runc.start(sandboxId, bundle)
    const cgroup = cgroupOf(started.pid)
    if (!cgroup && (await groupFolders(this.#owner, sandboxId)).length === 0) {
      for (const stream of [started.stdout, started.stderr]) stream.destroy()
      throw new Error('the sandbox has no cgroup')
    }
    const oomKills = (): number => cgroup?.oomKills() ?? 0
    return new OciSandbox({
      ...{ id: sandboxId, ...started, cgroup, helper, release, scratch },
      mark: `/weft/${this.#owner}/${sandboxId}`,
      kill: () => killGroup(this.#owner, sandboxId),
      run: async (request) => {
        const { openFilesHardLimit } = await this.#prepare()
        return new OciProgram({
          ...(await runc.exec(sandboxId, bundle, request, openFilesHardLimit)),
          helper,
          oomKills,
        })
      },
    })
  }

  /** Makes the place in the common root where a runtime's file or folder is bound, once. */
  #mountPoint([host, inside]: RuntimeImage['binds'][number]): Promise<void> {
    const known = this.#mountPoints.get(inside)
    if (known !== undefined) return known
    const made = stat(host).then((found) => makeMountPoint(this.#rootfs, inside, found.isDirectory()))
    this.#mountPoints.set(inside, made)
    made.catch(() => this.#mountPoints.delete(inside))
    return made
  }

  #liveHelper(): NamespaceHelper {
    if (this.#helper?.alive) return this.#helper
    this.#helper = new NamespaceHelper(this.#log)
    return this.#helper
  }

  get #rootfs(): string {
    return join(this.#root, 'rootfs')
  }

  get #imagesDir(): string {
    return join(this.#root, 'images')
  }

  #prepare(): Promise<{ readonly hostPaths: readonly string[]; readonly openFilesHardLimit: number }> {
    const prepare = async () => {
      this.#mountPoints.clear()
      await rm(this.#rootfs, { recursive: true, force: true })
      await mkdir(this.#stateDir, { recursive: true, mode: 0o711 })
      await makeRootfs(this.#rootfs)
      const hostPaths: string[] = []
      for (const path of sharedHostPaths) {
        const found = await stat(path).catch(() => undefined)
        if (!found) continue
        await makeMountPoint(this.#rootfs, path, found.isDirectory())
        hostPaths.push(path)
      }
      const limits = await readFile('/proc/self/limits', 'utf8')
      const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1]
      return { hostPaths, openFilesHardLimit: hard === undefined ? Number.POSITIVE_INFINITY : Number(hard) }
    }
    this.#prepared ??= prepare()
    this.#prepared.catch(() => {
      this.#prepared = undefined
    })
    return this.#prepared
  }

  async cleanUp(): Promise<readonly string[]> {
    const removed: string[] = []
    for (const sandboxId of await sandboxesIn(this.#owner)) {
      await killGroup(this.#owner, sandboxId)
      await removeGroup(this.#owner, sandboxId, this.#clock)
      removed.push(`sandbox ${sandboxId}`)
    }
    for (const dir of [this.#imagesDir, this.#disksDir]) removed.push(...(await removeMountsBelow(dir)))
    await rm(this.#disksDir, { recursive: true, force: true })
    await removeGroup(this.#owner, '', this.#clock)
    await rm(this.#root, { recursive: true, force: true })
    this.#prepared = undefined
    return removed
  }

  async close(): Promise<void> {
    await this.#images.close()
    await this.#helper?.close()
    await this.#disks.close()
    await removeGroup(this.#owner, '', this.#clock)
    await rm(this.#root, { recursive: true, force: true })
    this.#prepared = undefined
  }
}

/** Waits for all of them, whatever becomes of one: what is to be taken away must be complete. */
async function allDone(work: readonly Promise<unknown>[]): Promise<void> {
  for (const one of await Promise.allSettled(work)) if (one.status === 'rejected') throw one.reason
}

/** The disk of an environment's /tmp, and the users that own what is on it. */
class OciScratch implements Scratch {
  readonly tmpDir: string
  readonly firstHostUid: number
  readonly release: () => Promise<void>

  constructor(tmpDir: string, firstHostUid: number, release: () => Promise<void>) {
    this.tmpDir = tmpDir
    this.firstHostUid = firstHostUid
    this.release = release
  }
}
