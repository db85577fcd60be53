import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type FabricConnection, parseConnection } from '@weft/contracts'

export interface TestFabricOptions {
  /** Kept at the end; a folder of its own that is removed at the end when absent. */
  readonly dataDir?: string
  /** More options of `npm start --`, for example `['--sandbox', 'docker']`. */
  readonly args?: readonly string[]
}

export interface TestFabric extends AsyncDisposable {
  readonly connection: FabricConnection
  readonly dataDir: string
  readonly pid: number
  /** Standard output and error so far. */
  output(): string
  kill(signal: NodeJS.Signals): void
  /** Stops gracefully and resolves to the exit code. */
  stop(): Promise<number | null>
  /** Starts it again on the same data directory and resolves to its new connection; stops it first when it runs. */
  restart(): Promise<FabricConnection>
}

const main = fileURLToPath(new URL('../../../deploy/embedded/src/main.ts', import.meta.url))

/**
 * Launches the whole fabric as `npm start -- --no-demo` does, on free ports; resolves when it is ready, rejects with its
 * output when it ends first. Disposal stops it and throws when it left a process, a mount or a cgroup behind.
 */
export async function startFabric(options: TestFabricOptions = {}): Promise<TestFabric> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'weft-fabric-'))
  let output = ''
  let child: ChildProcess
  let connection: FabricConnection

  const start = async (): Promise<void> => {
    // What a killed fabric left would be taken for the new one's.
    rmSync(join(dataDir, 'connection.json'), { force: true })
    const ports = ['--http-port', '0', '--grpc-port', '0', '--nats-port', '0']
    const args = [main, '--no-demo', '--data-dir', dataDir, ...ports, ...(options.args ?? [])]
    // An interrupted test run stops it too, as Ctrl-C would.
    const command = ['--pdeathsig', 'TERM', process.execPath, ...args]
    const started = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk) => (output += chunk))
    connection = await whenReady(join(dataDir, 'connection.json'), started, () => output)
  }
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null
  const stop = async (): Promise<number | null> => {
    if (!ended()) {
      const exit = once(child, 'exit')
      child.kill('SIGCONT')
      child.kill('SIGTERM')
      await exit
    }
    return child.exitCode
  }
  const cleanUp = async (): Promise<void> => {
    await stop()
    const left = await whatIsLeft(dataDir)
    if (options.dataDir === undefined && left.length === 0) rmSync(dataDir, { recursive: true, force: true })
    if (left.length > 0) throw new Error(`the fabric left behind:\n${left.join('\n')}\n${output}`)
  }
  try {
    await start()
  } catch (error) {
    await cleanUp()
    throw error
  }
  return {
    get connection() {
      return connection
    },
    dataDir,
    get pid() {
      return child.pid as number
    },
    output: () => output,
    kill: (signal) => {
      child.kill(signal)
    },
    stop,
    async restart() {
      await stop()
      await start()
      return connection
    },
    [Symbol.asyncDispose]: cleanUp,
  }
}

async function whenReady(file: string, child: ChildProcess, output: () => string): Promise<FabricConnection> {
  while (child.exitCode === null && child.signalCode === null) {
    if (existsSync(file)) {
      const parsed = parseConnection(readFileSync(file, 'utf8'))
      if (!parsed.ok) throw new Error(`connection.json ${parsed.error}`)
      return parsed.value
    }
    await wait(25)
  }
  throw new Error(`the fabric ended with ${child.exitCode ?? child.signalCode} before it was ready:\n${output()}`)
}

/**
 * What speaks of the data directory, or of the worker in it: sandboxes lie outside of it, marked with a digest of the
 * worker's folder. A process that was just killed may take a moment to go.
 */
async function whatIsLeft(dataDir: string): Promise<readonly string[]> {
  const owner = workerMark(dataDir)
  const marks = owner === '' ? [dataDir] : [dataDir, owner]
  let left: string[] = []
  for (let attempt = 0; attempt < 20; attempt++) {
    left = [...processesOf(marks), ...mountsOf(marks), ...(owner === '' ? [] : foldersOf(owner))]
    if (left.length === 0) return left
    await wait(100)
  }
  return left
}

/** Occurs in the names of all that the fabric's worker makes on the host; "" when there has been no worker. */
export function workerMark(dataDir: string): string {
  const folder = join(dataDir, 'worker')
  const there = statSync(folder, { throwIfNoEntry: false })
  if (!there) return ''
  return createHash('sha256').update(`${folder} ${there.dev} ${there.ino}`).digest('hex').slice(0, 12)
}

const speaks = (text: string, marks: readonly string[]): boolean => marks.some((mark) => text.includes(mark))

const processesOf = (marks: readonly string[]): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => `process ${pid}: ${commandOf(pid)}`)
    .filter((text) => speaks(text, marks))

/** Command line, root and working directory; "" for one that has ended meanwhile. */
function commandOf(pid: string): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    return `${command} ${readlinkSync(`/proc/${pid}/root`)} ${readlinkSync(`/proc/${pid}/cwd`)}`
  } catch {
    return ''
  }
}

const mountsOf = (marks: readonly string[]): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => speaks(line, marks))
    .map((line) => `mount ${line}`)

/** Control groups, in every hierarchy, and run-time state. */
function foldersOf(owner: string): string[] {
  const groups = '/sys/fs/cgroup'
  const hierarchies = existsSync(groups) ? readdirSync(groups).map((name) => join(groups, name)) : []
  const folders = [groups, ...hierarchies].map((root) => join(root, 'weft', owner)).filter(existsSync)
  const state = readdirSync('/run').filter((name) => name.includes(owner))
  return [...folders, ...state.map((name) => join('/run', name))].map((folder) => `folder ${folder}`)
}
