import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock as clock, delay } from '@weft/platform'

export interface TestBroker extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** kill -9, then the same again on the same port and files. */
  restart(): Promise<void>
}

interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Resolves when it can be used; asked again and again. */
  readonly ready: () => Promise<void>
}

/** A real broker in a folder of its own; ends, with its folder, at disposal. */
async function startBroker(scheme: string, launchOf: (dir: string, port: number) => Launch): Promise<TestBroker> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-broker-'))
  const port = await freePort()
  const launch = launchOf(dir, port)
  let child: ChildProcess | undefined
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    // The whole group: a script that starts a broker does not always become it.
    process.kill(-(child.pid as number), 'SIGKILL')
    await gone
  }
  const start = async (): Promise<void> => {
    // The kernel kills it when this process dies.
    const args = ['--pdeathsig', 'KILL', launch.command, ...launch.args]
    const env = { ...process.env, ...launch.env }
    const started = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true })
    child = started
    let output = ''
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk) => (output += chunk))
    for (;;) {
      if (started.exitCode !== null) throw new Error(`${launch.command} ended at start:\n${output}`)
      try {
        return await launch.ready()
      } catch {
        await delay(clock, 50)
      }
    }
  }
  try {
    await start()
  } catch (error) {
    await kill()
    throw error
  }
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    async restart() {
      await kill()
      await start()
    },
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listens(port: number): Promise<void> {
  const socket = dial(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}

/** redis-server whose data is on the disk before a write is answered. */
export const startRedis = (): Promise<TestBroker> =>
  startBroker('redis', (dir, port) => ({
    command: 'redis-server',
    args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--appendfsync', 'always'],
    ready: () => listens(port),
  }))

/** Mosquitto with a store on the disk, written at every change. */
export const startMosquitto = (): Promise<TestBroker> =>
  startBroker('mqtt', (dir, port) => {
    const file = join(dir, 'mosquitto.conf')
    const store = [
      'persistence true',
      `persistence_location ${dir}/`,
      'autosave_interval 1',
      'autosave_on_changes true',
    ]
    // What comes faster than it is read waits, however much it is.
    const rest = ['allow_anonymous true', 'user root', 'max_queued_messages 0', ...store, '']
    writeFileSync(file, [`listener ${port} 127.0.0.1`, ...rest].join('\n'))
    return { command: 'mosquitto', args: ['-c', file], ready: () => listens(port) }
  })

/**
 * RabbitMQ, which needs some seconds. Its Erlang node takes part in no cluster; the port mapper that it insists on is a
 * child, too, because one that the node starts would stay behind.
 */
export async function startRabbitmq(): Promise<TestBroker> {
  const mapperPort = await freePort()
  const nodePort = await freePort()
  const mapper = spawn('setpriv', ['--pdeathsig', 'KILL', 'epmd', '-port', `${mapperPort}`, '-address', '127.0.0.1'], {
    stdio: 'ignore',
  })
  const broker = await startBroker('amqp', (dir, port) => {
    mkdirSync(join(dir, 'mnesia'))
    writeFileSync(join(dir, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\nlog.console = true\n`)
    return {
      command: '/usr/lib/rabbitmq/bin/rabbitmq-server',
      args: [],
      env: {
        HOME: dir,
        RABBITMQ_NODENAME: `weft-${port}@localhost`,
        RABBITMQ_MNESIA_BASE: join(dir, 'mnesia'),
        RABBITMQ_LOG_BASE: dir,
        RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq.conf'),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'plugins'),
        RABBITMQ_PID_FILE: join(dir, 'pid'),
        RABBITMQ_DIST_PORT: `${nodePort}`,
        ERL_EPMD_ADDRESS: '127.0.0.1',
        ERL_EPMD_PORT: `${mapperPort}`,
      },
      ready: () => listens(port),
    }
  })
  return {
    ...broker,
    async [Symbol.asyncDispose]() {
      await broker[Symbol.asyncDispose]()
      mapper.kill('SIGKILL')
    },
  }
}
