import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { natsServerBinary } from '@weft/nats'

export interface NatsServerOptions {
  /** Where its files live, kept at the end; a folder of its own that is removed at the end when absent. */
  readonly dir?: string
  /**
   * Configuration text in place of the default (JetStream in the folder, 8 MB payloads, no accounts). `DIR` in it stands
   * for the folder. The client and monitoring ports are always chosen by the server, on loopback.
   */
  readonly config?: string
}

export interface TestNatsServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`; stays the same over restarts. */
  readonly url: string
  readonly port: number
  /** `http://127.0.0.1:<port>` of the monitoring door. */
  readonly monitorUrl: string
  readonly dir: string
  readonly pid: number
  /** Resolves when the process is gone (SIGSTOP and SIGCONT: at once). */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same ports and files; kills it first when it runs. */
  restart(): Promise<void>
  /** What it has printed. */
  output(): string
}

const defaultConfig = 'max_payload: 8MB\njetstream { store_dir: "DIR/jetstream" }\n'

/** Launches a real nats-server; resolves when it takes connections, rejects with its output when it exits first. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<TestNatsServer> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'weft-nats-'))
  mkdirSync(dir, { recursive: true })
  const configFile = join(dir, 'nats-server.conf')
  writeFileSync(configFile, (options.config ?? defaultConfig).replaceAll('DIR', dir))
  let clientPort = -1
  let monitorPort = -1
  let output = ''
  let child: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const args = ['-c', configFile, '-a', '127.0.0.1', '-p', `${clientPort}`, '-m', `${monitorPort}`]
    // The kernel kills it when this process dies: an interrupted test run must leave no servers behind.
    const command = ['--pdeathsig', 'KILL', natsServerBinary(), ...args, '--ports_file_dir', dir]
    const started = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk) => (output += chunk))
    const exited = once(started, 'exit').then(([code]) => {
      throw new Error(`nats-server ended at start with ${code}:\n${output}`)
    })
    const ports = await Promise.race([portsOf(dir, started), exited])
    clientPort = ports.client
    monitorPort = ports.monitor
    await Promise.race([healthy(monitorPort, started), exited])
    exited.catch(() => {})
  }
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
      child.kill(signal)
      return
    }
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
  try {
    await start()
  } catch (error) {
    await kill()
    throw error
  }
  return {
    url: `127.0.0.1:${clientPort}`,
    port: clientPort,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    dir,
    get pid() {
      return child?.pid as number
    },
    kill,
    async restart() {
      await kill()
      await start()
    },
    output: () => output,
    async [Symbol.asyncDispose]() {
      // A stopped process takes no other signal until it goes on.
      await kill('SIGCONT')
      await kill('SIGKILL')
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** The server writes the ports it got into `nats-server_<pid>.ports`. */
async function portsOf(dir: string, child: ChildProcess): Promise<{ client: number; monitor: number }> {
  const file = join(dir, `nats-server_${child.pid}.ports`)
  while (child.exitCode === null && child.signalCode === null) {
    try {
      const ports = JSON.parse(readFileSync(file, 'utf8')) as { nats: string[]; monitoring: string[] }
      return { client: portIn(ports.nats), monitor: portIn(ports.monitoring) }
    } catch {
      // Not written yet, or half written.
      await wait(10)
    }
  }
  throw new Error('nats-server ended before it wrote its ports')
}

const portIn = (urls: readonly string[]): number => Number(new URL(urls[0] as string).port)

async function healthy(monitorPort: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    const answer = await fetch(`http://127.0.0.1:${monitorPort}/healthz`).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return
    await wait(20)
  }
}
