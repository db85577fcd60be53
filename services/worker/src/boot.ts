import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Clock, Logger } from '@weft/platform'
import type { CodeFolders, RuntimeImage, Sandbox, SandboxDriver, SandboxExit, Scratch } from '@weft/sandbox'
import { ApiLink } from './api-link.ts'
import { CleanUps } from './clean-ups.ts'
import { EarlyOutput } from './early-output.ts'
import type { InsideApi } from './inside-api.ts'
import { openInsidePorts } from './inside-ports.ts'
import { FrameLink, type RuntimeLink } from './runtime-link.ts'

export interface BootDeps {
  readonly driver: SandboxDriver
  /** Short, or socket paths in it would exceed the 107 bytes that Linux takes. */
  readonly socketsDir: string
  readonly callbackAddress: { readonly host: string; readonly port: number } | undefined
  readonly clock: Clock
  readonly log: Logger
}

export interface BootRequest {
  readonly image: RuntimeImage
  readonly ephemeralStorageMb: number
  /** For the runtime's program, beside the image's own. */
  readonly environment?: Readonly<Record<string, string>>
  /** Package and layers, when they are to be there from the first. */
  readonly code?: CodeFolders
  /**
   * The runtime runs beside a first process that does nothing: with the first one everything inside ends, and extensions
   * are to outlive the runtime.
   */
  readonly apart?: boolean
  /** The /tmp of the sandbox before. */
  readonly scratch?: Scratch | undefined
}

/** What is to be had of how the runtime, not its sandbox, ends. */
export interface RuntimeProcess {
  readonly exited: Promise<SandboxExit>
  /** Asks it to end. */
  terminate(): void
  /** Ends it, where that does not end the sandbox. */
  kill(): void
}

/** A sandbox whose runtime has booted, with everything that belongs to it. */
export interface Body {
  readonly sandbox: Sandbox
  readonly runtime: RuntimeProcess
  /** Absent where the driver cannot listen inside: no extensions then. */
  readonly inside: InsideApi | undefined
  readonly link: RuntimeLink
  readonly taskRoot: string
  readonly layersRoot: string
  /** host:port of the Runtime API as seen inside. */
  readonly runtimeApi: string
  /** URL of the fabric as seen inside. */
  readonly endpointUrl: string | undefined
  readonly variables: Readonly<Record<string, string>> | undefined
  /** How long the output of an invocation may lag behind its answer, ms. */
  readonly outputDelayMs: number
  /** Output of the sandbox from now on; what came earlier is handed over first. */
  onOutput(listener: (chunk: Buffer, from: 'stdout' | 'stderr') => number): void
  /** Idempotent; resolves when every trace is gone. */
  destroy(): Promise<void>
  /** As `destroy`, but /tmp is kept for a successor. */
  retire(): Promise<Scratch>
}

const bootMs = 30_000

/** Makes a sandbox and waits until its runtime has booted. Rejects otherwise, leaving nothing behind. */
export async function boot(deps: BootDeps, request: BootRequest): Promise<Body> {
  const { driver, clock } = deps
  const { image } = request
  const id = randomBytes(8).toString('hex')
  const socketDir = join(deps.socketsDir, id)
  const cleanUps = new CleanUps(deps.log, id)
  cleanUps.push(() => rm(socketDir, { recursive: true, force: true }))
  let keep = false
  let kept: Scratch | undefined
  try {
    const entrance = await openEntrance(socketDir)
    cleanUps.push(() => entrance.close())
    const environment = { ...image.environment, ...request.environment }
    const sandbox = await driver.create({
      sandboxId: id,
      runtime: { ...image, ...(request.apart === true ? holder : { environment }) },
      ephemeralStorageMb: request.ephemeralStorageMb,
      socketDir,
      ...(request.code && { code: request.code }),
      ...(request.scratch && { scratch: request.scratch }),
      timeoutMs: bootMs,
    })
    const output = new EarlyOutput()
    sandbox.onOutput((chunk, from) => output.take(chunk, from))
    cleanUps.push(async () => {
      if (keep) kept = await sandbox.retire()
      else await sandbox.destroy()
    })
    // While the runtime boots. Should that fail, what is being opened is closed once it is open.
    const opening = openInsidePorts(sandbox, deps.callbackAddress, cleanUps)
    const opened = Promise.allSettled([opening])
    cleanUps.push(async () => void (await opened))
    const runtime = request.apart === true ? await startApart(sandbox, image, environment, output) : first(sandbox)
    const socket = await firstOf(entrance.connected, runtime, output, clock)
    cleanUps.push(() => void socket.destroy())
    entrance.close()
    const { inside, runtimeApi, endpointUrl } = await opening
    if (!image.framed && !inside) throw new Error(`the ${driver.name} driver cannot serve the Runtime API`)
    const frames = new FrameLink(socket)
    const link = !image.framed && inside ? new ApiLink(frames, inside) : frames
    cleanUps.push(() => link.close())
    await hello(link, runtime, output, clock)
    return {
      ...{ sandbox, runtime, inside, link, runtimeApi, endpointUrl },
      taskRoot: sandbox.taskRoot ?? '/var/task',
      layersRoot: sandbox.layersRoot ?? '/opt',
      variables: sandbox.variables,
      // Our own runtimes send what functions print ahead of the answer, on the same way.
      outputDelayMs: image.framed ? 0 : (sandbox.outputDelayMs ?? 0),
      onOutput: (listener) => output.pass(listener),
      destroy: () => cleanUps.run(),
      async retire() {
        keep = true
        await cleanUps.run()
        if (!kept) throw new Error('the /tmp of a sandbox could not be kept')
        return kept
      },
    }
  } catch (error) {
    await cleanUps.run()
    throw error
  }
}

/** Sleeps for ever in as little memory as anything can; what it ignores, the kernel buries for it. */
const holder = {
  command: ['/bin/sh', '-c', 'trap "" CHLD; exec sleep infinity'],
  environment: {},
} as const

const first = (sandbox: Sandbox): RuntimeProcess => ({
  exited: sandbox.exited,
  terminate: () => sandbox.terminate?.(),
  kill: () => undefined,
})

async function startApart(
  sandbox: Sandbox,
  { command }: RuntimeImage,
  environment: Readonly<Record<string, string>>,
  output: EarlyOutput,
): Promise<RuntimeProcess> {
  if (!sandbox.run) throw new Error('this worker cannot run extensions')
  const program = await sandbox.run({ programId: 'runtime', command, environment, folder: '/tmp' })
  program.onOutput((chunk) => output.take(chunk, 'stdout'))
  return {
    exited: Promise.race([program.exited, sandbox.exited]),
    terminate: () => program.signal('SIGTERM'),
    kill: () => program.signal('SIGKILL'),
  }
}

/** The socket that the runtime connects to when it has booted; it takes one connection. */
async function openEntrance(dir: string): Promise<{ readonly connected: Promise<Socket>; close(): void }> {
  await mkdir(dir, { recursive: true })
  await chmod(dir, 0o755)
  const path = join(dir, 'runtime.sock')
  const server: Server = createServer()
  server.maxConnections = 1
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  await chmod(path, 0o777)
  let open = true
  return {
    connected,
    close: () => {
      if (open) server.close()
      open = false
    },
  }
}

async function firstOf<T>(wanted: Promise<T>, runtime: RuntimeProcess, output: EarlyOutput, clock: Clock): Promise<T> {
  let timer: { cancel(): void } | undefined
  const late = new Promise<never>((_, reject) => {
    timer = clock.schedule(bootMs, () => reject(new Error(`the runtime has not booted within ${bootMs} ms`)))
  })
  const died = runtime.exited.then(({ code, signal }): never => {
    throw new Error(`the runtime ended while it booted (${signal ?? code}): ${output.text}`)
  })
  try {
    return await Promise.race([wanted, died, late])
  } finally {
    timer?.cancel()
    died.catch(() => undefined)
    late.catch(() => undefined)
  }
}

const hello = (link: RuntimeLink, runtime: RuntimeProcess, output: EarlyOutput, clock: Clock): Promise<void> =>
  firstOf(
    new Promise<void>((resolve, reject) =>
      link.onEvent((event) =>
        event.kind === 'hello' ? resolve() : reject(new Error(`the runtime began with ${event.kind}`)),
      ),
    ),
    runtime,
    output,
    clock,
  )
