import { createHash, randomInt } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { access, constants, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { err, ok, type Result } from '@weft/contracts'
import { type Clock, delay, type Logger, systemClock } from '@weft/platform'
import { canMakeScratchDisks, cgroupOf, scratchDisks } from '@weft/platform/host'
import {
  type ProgramRequest,
  type RuntimeImage,
  type Sandbox,
  type SandboxDriver,
  type SandboxProgram,
  type Scratch,
  type StemRequest,
  seccompProfile,
} from '@weft/sandbox'
import { bundleConfig, insideUser, processConfig, usersPerSandbox } from './bundle.ts'
import { groupFolders, killGroup, removeGroup, sandboxesIn } from './groups.ts'
import { helperPython, NamespaceHelper } from './helper.ts'
import { removeMountsBelow } from './leftover-mounts.ts'
import { OciProgram } from './oci-program.ts'
import { OciSandbox } from './oci-sandbox.ts'
import { openPipe } from './pipe.ts'
import { makeMountPoint, makeRootfs, sharedHostPaths } from './rootfs.ts'

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

/**
 * The mark of a worker's things on its host. By the folder and not by its path alone: workers in containers share the tree
 * of cgroups, and may all call different folders by one path.
 */
export function ownerOf(dataDir: string): string {
  const { dev, ino } = statSync(dataDir)
  return createHash('sha256')
    .update(`${resolve(dataDir)} ${dev} ${ino}`)
    .digest('hex')
    .slice(0, 12)
}

class OciDriver implements SandboxDriver {
  readonly name = 'oci'
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
  readonly #seccomp = seccompProfile(process.arch)
  #helper: NamespaceHelper | undefined
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
    this.describe =
      `containers made by ${this.#binary} directly: own user, namespaces, limits and system call filter, no network; ` +
      'shares the host kernel'
  }

  async probe(): Promise<Result<void, string>> {
    if (process.getuid?.() !== 0) return err('making sandboxes takes root')
    const binary = (process.env.PATH ?? '').split(':').map((folder) => join(folder, this.#binary))
    const there = await Promise.all(
      [...binary, '/usr/sbin/runc'].map((path) =>
        access(path, constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    )
    if (!there.includes(true)) return err(`${this.#binary} is not on the PATH (Debian package runc)`)
    if (
      !(await access(helperPython, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return err(`${helperPython} is missing (Debian package python3)`)
    const disks = await canMakeScratchDisks()
    if (!disks.ok) return disks
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
    const disk = scratch ?? new OciScratch(tmpDir, firstHostUid, () => this.#disks.unmount(tmpDir))
    const undo = async (): Promise<void> => {
      await removeGroup(this.#owner, sandboxId, this.#clock)
      await rm(join(this.#stateDir, sandboxId), { recursive: true, force: true })
      await rm(bundle, { recursive: true, force: true })
    }
    try {
      await mkdir(bundle, { recursive: true, mode: 0o711 })
      for (const [host, inside] of request.runtime.binds)
        await makeMountPoint(this.#rootfs, inside, (await stat(host)).isDirectory())
      const owner = { uid: firstHostUid + insideUser.uid, gid: firstHostUid + insideUser.gid }
      if (!scratch) await this.#disks.mount(tmpDir, request.ephemeralStorageMb, owner)
      const config = bundleConfig({
        sandboxId,
        runtime: request.runtime,
        firstHostUid,
        rootfs: this.#rootfs,
        tmpDir,
        socketDir: request.socketDir,
        code: request.code,
        cgroupPath: `/weft/${this.#owner}/${sandboxId}`,
        memoryBytes: bootMemoryBytes,
        seccomp: this.#seccomp,
        openFilesHardLimit,
        sharedHostPaths: hostPaths,
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
    const [stdout, stderr] = [join(bundle, 'stdout'), join(bundle, 'stderr')]
    await helper.pipes([stdout, stderr])
    // Opened before the writers, which would wait for a reader, and read only once there are writers.
    const [out, errors] = [await openPipe(stdout), await openPipe(stderr)]
    try {
      const pidFile = join(bundle, 'pid')
      const { pid, end } = await helper.run({
        command: this.#runc('run', '--detach', '--bundle', bundle, '--pid-file', pidFile, sandboxId),
        ...{ stdout, stderr, pidFile },
      })
      const cgroup = cgroupOf(pid)
      if (!cgroup && (await groupFolders(this.#owner, sandboxId)).length === 0)
        throw new Error('the sandbox has no cgroup')
      return new OciSandbox({
        id: sandboxId,
        pid,
        end,
        cgroup,
        stdout: out.stream(),
        stderr: errors.stream(),
        helper,
        mark: `/weft/${this.#owner}/${sandboxId}`,
        kill: () => killGroup(this.#owner, sandboxId),
        run: (request) => this.#runBeside(helper, sandboxId, bundle, request, () => cgroup?.oomKills() ?? 0),
        ...{ release, scratch },
      })
    } catch (error) {
      // What the OCI runtime had to say about its failure is in the pipe.
      const said = await errors.drain()
      await out.drain()
      throw new Error(said === '' ? (error as Error).message : `${(error as Error).message}: ${said}`)
    }
  }

  async #runBeside(
    helper: NamespaceHelper,
    sandboxId: string,
    bundle: string,
    request: ProgramRequest,
    oomKills: () => number,
  ): Promise<SandboxProgram> {
    const { openFilesHardLimit } = await this.#prepare()
    const base = join(bundle, request.programId)
    const [stdout, pidFile, config] = [`${base}.out`, `${base}.pid`, `${base}.json`]
    await writeFile(config, JSON.stringify(processConfig(request, openFilesHardLimit)))
    await helper.pipes([stdout])
    const output = await openPipe(stdout)
    try {
      const { pid, end } = await helper.run({
        command: this.#runc('exec', '--detach', '--process', config, '--pid-file', pidFile, sandboxId),
        ...{ stdout, stderr: stdout, pidFile },
      })
      return new OciProgram({ pid, end, output: output.stream(), helper, oomKills })
    } catch (error) {
      const said = await output.drain()
      throw new Error(said === '' ? (error as Error).message : said)
    }
  }

  #runc(...words: readonly string[]): readonly string[] {
    return [this.#binary, '--root', this.#stateDir, ...words]
  }

  #liveHelper(): NamespaceHelper {
    if (this.#helper?.alive) return this.#helper
    this.#helper = new NamespaceHelper(this.#log)
    return this.#helper
  }

  get #rootfs(): string {
    return join(this.#root, 'rootfs')
  }

  #prepare(): Promise<{ readonly hostPaths: readonly string[]; readonly openFilesHardLimit: number }> {
    const prepare = async () => {
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
    removed.push(...(await removeMountsBelow(this.#disksDir)))
    await rm(this.#disksDir, { recursive: true, force: true })
    await removeGroup(this.#owner, '', this.#clock)
    await rm(this.#root, { recursive: true, force: true })
    this.#prepared = undefined
    return removed
  }

  async close(): Promise<void> {
    await this.#helper?.close()
    await removeGroup(this.#owner, '', this.#clock)
    await rm(this.#root, { recursive: true, force: true })
    this.#prepared = undefined
  }
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
