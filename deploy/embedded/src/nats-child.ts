import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Keyring, natsServerBinary, serverConfig } from '@weft/nats'
import { type Clock, delay, type Logger } from '@weft/platform'
import { StartFailure } from './data-dir.ts'

export interface NatsChildOptions {
  readonly dataDir: string
  readonly keyring: Keyring
  readonly host: string
  /** 0: the server picks one, and keeps it over its restarts. */
  readonly port: number
  readonly sync: 'always' | 'default'
  readonly storageBytes: number
  readonly clock: Clock
  readonly log: Logger
}

export interface NatsChild extends AsyncDisposable {
  readonly port: number
  /** Changes when the server had to be started again. */
  readonly pid: number
  problems(): readonly string[]
}

const pollMs = 20
const startWithinMs = 30_000
const restartAfterMs = 500
const stopWithinMs = 10_000

/**
 * Runs nats-server as a child that is started again whenever it ends, and that the kernel kills when this process dies,
 * however it dies. Resolves once the server takes clients.
 */
export async function startNatsChild(options: NatsChildOptions): Promise<NatsChild> {
  const dir = join(options.dataDir, 'nats')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  let port = options.port
  let child = await launch({ ...options, port }, dir)
  port = child.port
  let stopping = false
  let problem: string | undefined

  const guard = async (): Promise<void> => {
    while (!stopping) {
      const [code, signal] = await child.exited
      if (stopping) return
      problem = `nats-server ended (${signal ?? code}) and is being started again`
      options.log.error({ code, signal }, problem)
      await delay(options.clock, restartAfterMs)
      while (!stopping) {
        try {
          child = await launch({ ...options, port }, dir)
          problem = undefined
          break
        } catch (error) {
          problem = `nats-server cannot be started again: ${error instanceof Error ? error.message : error}`
          options.log.error({ err: error }, problem)
          await delay(options.clock, restartAfterMs)
        }
      }
    }
  }
  const guarding = guard()
  return {
    port,
    get pid() {
      return child.process.pid as number
    },
    problems: () => (problem === undefined ? [] : [problem]),
    async [Symbol.asyncDispose]() {
      stopping = true
      child.process.kill('SIGTERM')
      const timer = options.clock.schedule(stopWithinMs, () => child.process.kill('SIGKILL'))
      await child.exited
      timer.cancel()
      await guarding
    },
  }
}

interface Launched {
  readonly process: ChildProcess
  readonly port: number
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>
}

async function launch(options: NatsChildOptions, dir: string): Promise<Launched> {
  const logFile = join(dir, 'nats-server.log')
  const configFile = join(dir, 'nats-server.conf')
  const config = await serverConfig(options.keyring, {
    host: options.host,
    port: options.port,
    dir,
    sync: options.sync,
    maxStorageBytes: options.storageBytes,
    serverName: 'weft-embedded',
    logFile,
  })
  writeFileSync(configFile, config, { mode: 0o600 })
  const args = ['--pdeathsig', 'KILL', natsServerBinary(), '-c', configFile, '--ports_file_dir', dir]
  // Its own process group: Ctrl-C in the terminal must not take the bus away before the services have stopped.
  const child = spawn('setpriv', args, { stdio: 'ignore', detached: true })
  const exited = once(child, 'exit') as Launched['exited']
  const failed = exited.then(([code, signal]) => {
    throw new StartFailure(`nats-server ended at start (${signal ?? code}): ${lastWords(logFile)}`)
  })
  failed.catch(() => {})
  try {
    const port = await Promise.race([portOf(join(dir, `nats-server_${child.pid}.ports`), options.clock), failed])
    return { process: child, port, exited }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** The server writes the ports it got once it listens. */
async function portOf(file: string, clock: Clock): Promise<number> {
  const deadline = clock.monotonic() + startWithinMs
  while (clock.monotonic() < deadline) {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    // Half written until its closing brace.
    if (text.trimEnd().endsWith('}')) {
      const { nats } = JSON.parse(text) as { nats: string[] }
      rmSync(file, { force: true })
      return Number(new URL(nats[0] as string).port)
    }
    await delay(clock, pollMs)
  }
  throw new StartFailure(`nats-server did not listen within ${startWithinMs / 1000} s`)
}

/** The last line in which the server gives a reason. */
function lastWords(logFile: string): string {
  if (!existsSync(logFile)) return 'it wrote no log'
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n')
  return lines.findLast((line) => line.includes('[FTL]') || line.includes('[ERR]')) ?? lines.at(-1) ?? 'no reason given'
}
