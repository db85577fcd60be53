import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const patienceMs = 10_000

/** What still bears one of the marks (absolute paths of an engine's own folders), or is under its parent cgroup. */
export function leftoversOf(marks: readonly string[], cgroupParent: string): readonly string[] {
  return [
    ...processesOf(marks).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...mountsUnder(marks).map((path) => `mount ${path}`),
    ...cgroupFolders(cgroupParent).map((path) => `cgroup ${path}`),
  ]
}

/** Processes started with a marked path among their arguments: the engine, its containerd and their shims. */
function processesOf(marks: readonly string[]): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const args = readIfThere(`/proc/${name}/cmdline`).split('\0')
    const engine = /(^|\/)(dockerd|containerd|containerd-shim[\w-]*|docker-proxy|runc)$/.test(args[0] ?? '')
    if (engine && args.some((arg) => marks.some((mark) => arg.includes(mark))))
      found.push({ pid: Number(name), command: args.join(' ').trim() })
  }
  return found
}

/** Ends them; a daemon that was killed leaves its children behind. */
export async function endProcesses(marks: readonly string[]): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (let left = processesOf(marks); left.length > 0; left = processesOf(marks)) {
    for (const { pid } of left) signalIfThere(pid, 'SIGKILL')
    if (performance.now() > deadline) throw new Error(`still there: ${left.map((p) => p.command).join(', ')}`)
    await wait(50)
  }
}

/** Mount points below the marked folders, innermost first. */
function mountsUnder(marks: readonly string[]): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((path): path is string => path !== undefined && marks.some((mark) => path.startsWith(`${mark}/`)))
    .reverse()
}

export async function clearMounts(marks: readonly string[]): Promise<void> {
  for (const path of mountsUnder(marks)) execFileSync('umount', ['-l', path], { stdio: 'ignore' })
}

function cgroupFolders(parent: string): string[] {
  const roots = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name))]
  return roots.map((root) => join(root, parent)).filter((path) => childrenOf(path) !== undefined)
}

/** Removes the parent cgroup in every hierarchy, with what is below it. */
export async function clearCgroups(parent: string): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (let left = cgroupFolders(parent); left.length > 0; left = cgroupFolders(parent)) {
    // A cgroup is busy for a moment after its last process has gone.
    for (const path of left) removeTree(path)
    if (performance.now() > deadline) throw new Error(`cgroups stay busy: ${left.join(', ')}`)
    await wait(20)
  }
}

function removeTree(path: string): void {
  for (const child of childrenOf(path) ?? []) removeTree(join(path, child))
  try {
    rmdirSync(path)
  } catch (error) {
    if (!['EBUSY', 'ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function childrenOf(path: string): string[] | undefined {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
