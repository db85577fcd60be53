import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The control files of the cgroup that a process is in. Works on version 1, version 2 and the hybrid of both; each call
 * chooses by which files there are. Reads and writes are synchronous: a control file answers in microseconds, far below
 * the cost of a trip through the thread pool. Calls on a cgroup that is gone do nothing.
 */
export interface Cgroup {
  freeze(): void
  thaw(): void
  /** `cpu` is a share of one CPU: 1 is one full CPU, 0 no limit. */
  limit(limits: { readonly memoryBytes: number; readonly cpu: number }): void
  stats(): CgroupStats
  /** Processes that the kernel killed because the memory limit was reached. */
  oomKills(): number
  /** Kills every process in it, frozen or not. */
  kill(): void
}

export interface CgroupStats {
  readonly memoryBytes: number
  readonly memoryPeakBytes: number
  readonly cpuMs: number
}

const mountPoint = '/sys/fs/cgroup'
const cpuPeriodUs = 100_000

/**
 * The cgroup of the process, or undefined when its files cannot be reached from here, as when the process or this one
 * is in a container whose view of the hierarchy differs. `check` may refuse a folder by its path: a pid can belong to
 * another process than the one meant.
 */
export function cgroupOf(
  pid: number,
  root = mountPoint,
  check: (folder: string) => boolean = () => true,
): Cgroup | undefined {
  const lines = read(`/proc/${pid}/cgroup`)
  if (lines === undefined) return undefined
  const folders = foldersIn(lines, root, (folder) => check(folder) && holds(folder, pid))
  return folders.memory && folders.cpu ? new CgroupFiles(folders) : undefined
}

interface Folders {
  unified?: string
  memory?: string
  cpu?: string
  cpuacct?: string
  freezer?: string
}

/** Reads the lines of /proc/PID/cgroup; `check` tells whether a folder is really the one meant. */
export function foldersIn(lines: string, root: string, check: (folder: string) => boolean): Folders {
  const folders: Folders = {}
  for (const line of lines.trim().split('\n')) {
    const [id, controllers = '', ...rest] = line.split(':')
    const path = rest.join(':')
    // A process in the root cgroup has none of its own.
    if (path === '/' || path === '') continue
    if (id === '0') {
      const folder = [root, join(root, 'unified')].map((base) => join(base, path)).find(check)
      if (folder) folders.unified = folder
      continue
    }
    for (const controller of controllers.split(',')) {
      const known = (['memory', 'cpu', 'cpuacct', 'freezer'] as const).find((name) => name === controller)
      if (!known) continue
      const folder = [join(root, controller, path), join(root, controllers, path)].find(check)
      if (folder) folders[known] = folder
    }
  }
  if (folders.unified && read(join(folders.unified, 'memory.max')) !== undefined) {
    folders.memory ??= folders.unified
    folders.cpu ??= folders.unified
    folders.cpuacct ??= folders.unified
  }
  return folders
}

interface StatFiles {
  readonly current: string
  readonly peak: string
  readonly events: string
  readonly cpuMs: () => number
}

function statFilesOf({ memory = '', cpu = '', cpuacct = cpu }: Folders): StatFiles {
  const used = join(cpuacct, 'cpuacct.usage')
  const cpuMs = existsSync(used)
    ? () => number(used) / 1_000_000
    : () => keyed(join(cpuacct, 'cpu.stat'), 'usage_usec') / 1_000
  const [current, peak, events] = existsSync(join(memory, 'memory.events'))
    ? (['memory.current', 'memory.peak', 'memory.events'] as const)
    : (['memory.usage_in_bytes', 'memory.max_usage_in_bytes', 'memory.oom_control'] as const)
  return { current: join(memory, current), peak: join(memory, peak), events: join(memory, events), cpuMs }
}

class CgroupFiles implements Cgroup {
  readonly #folders: Folders
  #stats: StatFiles | undefined

  constructor(folders: Folders) {
    this.#folders = folders
  }

  freeze(): void {
    this.#setFrozen(true)
  }

  thaw(): void {
    this.#setFrozen(false)
  }

  #setFrozen(frozen: boolean): void {
    const { unified, freezer } = this.#folders
    // Version 2 first: it lets a frozen process be killed.
    if (unified && write(join(unified, 'cgroup.freeze'), frozen ? '1' : '0')) return
    if (freezer) write(join(freezer, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED')
  }

  limit({ memoryBytes, cpu }: { memoryBytes: number; cpu: number }): void {
    const memory = this.#folders.memory as string
    if (!write(join(memory, 'memory.max'), `${memoryBytes}`)) this.#limitMemoryV1(memory, memoryBytes)
    else write(join(memory, 'memory.swap.max'), '0')
    const quota = cpu > 0 ? `${Math.max(1_000, Math.round(cpu * cpuPeriodUs))}` : undefined
    const folder = this.#folders.cpu as string
    if (write(join(folder, 'cpu.max'), `${quota ?? 'max'} ${cpuPeriodUs}`)) return
    write(join(folder, 'cpu.cfs_period_us'), `${cpuPeriodUs}`)
    write(join(folder, 'cpu.cfs_quota_us'), quota ?? '-1')
  }

  /** Memory with swap may never be below memory alone, so the order depends on the direction. */
  #limitMemoryV1(folder: string, bytes: number): void {
    const both = join(folder, 'memory.memsw.limit_in_bytes')
    const now = Number(read(both) ?? Number.NaN)
    if (bytes > now) write(both, `${bytes}`)
    write(join(folder, 'memory.limit_in_bytes'), `${bytes}`)
    if (bytes < now) write(both, `${bytes}`)
  }

  stats(): CgroupStats {
    const { current, peak, cpuMs } = this.#statFiles()
    const memoryBytes = number(current)
    // The peak is not kept by kernels before 5.19 under version 2.
    return { memoryBytes, memoryPeakBytes: Math.max(number(peak), memoryBytes), cpuMs: cpuMs() }
  }

  oomKills(): number {
    return keyed(this.#statFiles().events, 'oom_kill')
  }

  /** Found out once: they are read after most runs, and to try a file in vain costs several times as much as to read one. */
  #statFiles(): StatFiles {
    this.#stats ??= statFilesOf(this.#folders)
    return this.#stats
  }

  kill(): void {
    if (this.#folders.unified && write(join(this.#folders.unified, 'cgroup.kill'), '1')) return
    // A process that forks while it is killed needs another round; without new ones there is an end.
    for (let round = 0; round < 100; round++) {
      // 0 stands for a process that cannot be seen from here; to kill it would be to kill this one's whole group.
      const pids = (read(join(this.#folders.memory as string, 'cgroup.procs')) ?? '').split('\n').map(Number)
      const seen = pids.filter((pid) => pid > 0)
      if (seen.length === 0) return
      for (const pid of seen) killIfThere(pid)
      this.thaw()
    }
  }
}

const holds = (folder: string, pid: number): boolean =>
  (read(join(folder, 'cgroup.procs')) ?? '').split('\n').includes(`${pid}`)

/** ENOENT: no such file in this version, or the cgroup is gone; ENODEV: it is going; ESRCH: the process is gone. */
const gone = (error: unknown): boolean =>
  ['ENOENT', 'ENODEV', 'ESRCH', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (gone(error)) return undefined
    throw error
  }
}

/** False when there is no such file. */
function write(path: string, value: string): boolean {
  try {
    // Without "create": on a file system that is no cgroup the file must not come into being.
    writeFileSync(path, value, { flag: 'r+' })
    return true
  } catch (error) {
    if (gone(error)) return false
    throw error
  }
}

const number = (path: string): number => Number(read(path) ?? 0)

const keyed = (path: string, key: string): number =>
  Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(read(path) ?? '')?.[1] ?? 0)

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!gone(error)) throw error
  }
}
