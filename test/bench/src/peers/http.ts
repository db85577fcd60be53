import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { type Bed, type BedOptions, type Case, scaled } from '../core/case.ts'
import { endChild, startProgram } from '../core/child.ts'
import { usageOf } from '../core/process-usage.ts'
import { HttpConnection, httpRequest } from '../load/http-connection.ts'
import { httpLoad } from '../load/http-load.ts'
import { payload } from '../load/payload.ts'
import { listen } from '../servers/ready.ts'
import { peerProgram, peers } from './programs.ts'

const startWithinMs = 60_000
const settleMs = 3_000

/** The emulators and frameworks that run the same handler, each in a process of its own, as its makers say to start it. */
export async function httpPeers(options: BedOptions): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const framework = await freePort()
    const source = ['--target=echo', `--source=${peers}/functions`, '--signature-type=http', `--port=${framework}`]
    stack.use(await startTool('functions-framework', source, framework, {}))

    const miniflare = stack.use(await startProgram(`${peers}/miniflare.mjs`))

    const [lambda, http, socket] = [await freePort(), await freePort(), await freePort()]
    const ports = ['--lambdaPort', `${lambda}`, '--httpPort', `${http}`, '--albPort', `${socket}`]
    const quiet = { SLS_TELEMETRY_DISABLED: '1', SLS_NOTIFICATIONS_MODE: 'off', SLS_DEPRECATION_DISABLE: '*' }
    const offline = stack.use(await startTool('serverless', ['offline', ...ports], lambda, quiet, `${peers}/offline`))

    const invocations = '/2015-03-31/functions/bench-dev-echo/invocations'
    return {
      cases: [
        ...both('functions-framework', 'functions-framework (no isolation)', framework, '/', options),
        ...both('miniflare', 'miniflare', Number(miniflare.hello.port), '/', options),
        ...both('serverless-offline', "serverless-offline's Lambda endpoint", lambda, invocations, options),
        idle(offline.pid),
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

const both = (id: string, title: string, port: number, path: string, options: BedOptions): Case[] => {
  const request = httpRequest('POST', path, { host: '127.0.0.1', 'content-type': 'application/json' }, payload)
  return [1, 16].map((clients) => ({
    id: `peer.${id}.c${clients}`,
    title: `${title}, ${clients === 1 ? '1 client' : `${clients} clients`}`,
    group: 'peer' as const,
    measure: () => httpLoad(port, clients, scaled(clients === 1 ? 1_000 : 4_000, options, 64), () => request),
  }))
}

/** After its calls, as the product is measured after its own. */
const idle = (pid: number): Case => ({
  id: 'peer.serverless-offline.idle',
  title: 'serverless-offline, idle',
  group: 'peer',
  measure: async () => {
    await wait(settleMs)
    return { rssMib: usageOf(pid).rssMib }
  },
})

interface Tool extends AsyncDisposable {
  readonly pid: number
}

/** Starts a program of the peers' packages; resolves when its port takes connections, rejects with its output when it ends. */
async function startTool(
  name: string,
  args: readonly string[],
  port: number,
  variables: Readonly<Record<string, string>>,
  cwd = peers,
): Promise<Tool> {
  const child = spawn(process.execPath, [peerProgram(name), ...args], {
    cwd,
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const deadlineMs = performance.now() + startWithinMs
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadlineMs) {
    if (await accepts(port)) return { pid: child.pid as number, [Symbol.asyncDispose]: () => endChild(child) }
    await wait(50)
  }
  await endChild(child)
  throw new Error(`${name} did not start:\n${output}`)
}

async function accepts(port: number): Promise<boolean> {
  try {
    using _ = await HttpConnection.open('127.0.0.1', port)
    return true
  } catch {
    return false
  }
}

/** For programs that cannot be told to take any port that is free. */
async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  return port
}
