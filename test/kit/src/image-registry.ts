import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type ImageParts, putImage } from './image-parts.ts'

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:<port>`, the first part of the URIs of its images. */
  readonly host: string
  readonly pid: number
  /** Stores an image under a tag; resolves to the digest of its manifest, `sha256:…`. */
  push(repository: string, tag: string, image: ImageParts): Promise<string>
  /** Ends it; its images are gone with it when the registry is disposed of. */
  stop(): Promise<void>
}

const program = 'docker-registry'

/** Whether the host has the registry (Debian package docker-registry). */
export const hasRegistry = (): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))

/** Launches a real image registry on loopback, with files of its own; resolves when it takes connections. */
export async function startRegistry(): Promise<TestRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-registry-'))
  const config = join(dir, 'config.yml')
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'info', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(dir, 'data') }, delete: { enabled: true } },
      http: { addr: '127.0.0.1:0' },
    }),
  )
  // The kernel kills it when this process dies: an interrupted test run must leave no registry behind.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, 'serve', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  })
  const stop = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  try {
    const host = await addressOf(child)
    return {
      host,
      pid: child.pid as number,
      push: (repository, tag, image) => putImage(`http://${host}/v2/${repository}`, tag, image),
      stop,
      async [Symbol.asyncDispose]() {
        await stop()
        rmSync(dir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await stop()
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

/** The port is the kernel's choice; the registry says which it became. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        said += chunk
        const [, host] = /listening on (127\.0\.0\.1:\d+)/.exec(said) ?? []
        if (host !== undefined) resolve(host)
      })
    child.once('error', (error) => reject(new Error(`${program} cannot be started: ${error.message}`)))
    child.once('exit', (code) => reject(new Error(`${program} ended at start with ${code}:\n${said}`)))
  })
}
