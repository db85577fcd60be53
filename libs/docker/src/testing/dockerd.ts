import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import Docker from 'dockerode'
import { clearCgroups, clearMounts, endProcesses, leftoversOf } from './leftovers.ts'

export interface DockerdOptions {
  /** Where images and containers live, kept at the end so that images need not be built again; removed when absent. */
  readonly dataRoot?: string
  /** Start an engine of its own even where the host's answers. */
  readonly own?: boolean
  /** Low-level runtimes beside runc: programs by their names. */
  readonly runtimes?: Readonly<Record<string, string>>
}

export interface TestEngine extends AsyncDisposable {
  readonly socketPath: string
  /** False: it is the host's engine, which stays as it is. */
  readonly own: boolean
  /** Name and version of the engine and its storage driver. */
  readonly describe: string
  /** Processes, mounts and cgroups of an own engine that are still there; empty after a clean stop. */
  leftovers(): readonly string[]
}

const hostSocket = '/var/run/docker.sock'
const startMs = 30_000
const stopMs = 30_000

/**
 * An engine for tests: the host's if it answers, else a dockerd of its own, with its own folders, socket and parent
 * cgroup. It makes no bridge, changes no packet filter and forwards nothing: containers reach one another on the networks
 * that tests make, published ports are carried by the engine's proxy, and nothing of it outlives the stop. Rejects with
 * one sentence that says what is missing, and with the daemon's last words if it ends early.
 */
export async function startDockerd(options: DockerdOptions = {}): Promise<TestEngine> {
  if (!options.own) {
    const found = await versionOf(hostSocket).catch(() => undefined)
    if (found)
      return {
        socketPath: hostSocket,
        own: false,
        describe: `${found} of the host`,
        leftovers: () => [],
        [Symbol.asyncDispose]: async () => {},
      }
  }
  if (process.getuid?.() !== 0)
    throw new Error(`no Docker engine answers on ${hostSocket}, and starting one takes root`)
  // The folder holds sockets, whose paths are at most 107 bytes long: it cannot live beside the data.
  const dir = mkdtempSync(join(tmpdir(), 'weft-dockerd-'))
  const dataRoot = options.dataRoot ?? join(dir, 'data')
  mkdirSync(dataRoot, { recursive: true })
  const socketPath = join(dir, 'docker.sock')
  const cgroupParent = `/weft-${dir.slice(dir.lastIndexOf('-') + 1)}`
  const args = [
    ...['--host', `unix://${socketPath}`, '--data-root', dataRoot, '--exec-root', join(dir, 'exec')],
    ...['--pidfile', join(dir, 'dockerd.pid'), '--cgroup-parent', cgroupParent],
    ...['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false'],
    ...Object.entries(options.runtimes ?? {}).flatMap(([name, program]) => ['--add-runtime', `${name}=${program}`]),
  ]
  const logFile = join(dir, 'dockerd.log')
  const log = openSync(logFile, 'w')
  // A group of its own: Ctrl-C must not end it before its user has taken down what runs on it. And should that user be
  // killed, it ends by itself, with its containers.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'dockerd', ...args], {
    stdio: ['ignore', log, log],
    detached: true,
  })
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) =>
      reject(new Error(`no Docker engine answers on ${hostSocket}, and dockerd cannot be started: ${error.message}`)),
    )
    child.once('exit', (code, signal) =>
      reject(new Error(`dockerd ended at start (${signal ?? code}): ${lastLines(readFileSync(logFile, 'utf8'))}`)),
    )
  })
  failed.catch(() => {})
  const marks = [dir, ...(options.dataRoot === undefined ? [] : [dataRoot])]
  const leftovers = (): readonly string[] => leftoversOf(marks, cgroupParent)
  const stop = async (): Promise<void> => {
    await stopChild(child)
    await endProcesses(marks)
    await clearMounts(marks)
    await clearCgroups(cgroupParent)
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const describe = await Promise.race([answering(socketPath, logFile), failed])
    return { socketPath, own: true, describe, leftovers, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function answering(socketPath: string, logFile: string): Promise<string> {
  const deadline = performance.now() + startMs
  for (;;) {
    try {
      return await versionOf(socketPath)
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`dockerd does not answer after ${startMs} ms: ${lastLines(readFileSync(logFile, 'utf8'))}`, {
          cause: error,
        })
      await wait(50)
    }
  }
}

async function versionOf(socketPath: string): Promise<string> {
  const docker = new Docker({ socketPath, timeout: 5_000 })
  const info: { ServerVersion: string; Driver: string } = await docker.info()
  return `Docker ${info.ServerVersion} (${info.Driver})`
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const late = new AbortController()
  const ended = await Promise.race([
    gone.then(() => true),
    wait(stopMs, false, { signal: late.signal, ref: false }).catch(() => false),
  ])
  late.abort()
  if (ended) return
  child.kill('SIGKILL')
  await gone
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-5).join(' | ')
