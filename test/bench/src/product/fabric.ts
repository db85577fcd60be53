import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type FabricConnection, parseConnection } from '@weft/contracts'
import { endChild } from '../core/child.ts'

const main = fileURLToPath(new URL('../../../../deploy/embedded/src/main.ts', import.meta.url))
const startWithinMs = 120_000

export interface Fabric extends AsyncDisposable {
  readonly connection: FabricConnection
  /** Of the fabric's process. */
  readonly pid: number
}

/** Starts a fabric of its own in a child process, with a fresh data directory on the same disk as any other. */
export async function startFabric(): Promise<Fabric> {
  const dir = await mkdtemp(join(tmpdir(), 'weft-bench-fabric-'))
  const ports = ['--http-port', '0', '--grpc-port', '0', '--nats-port', '0']
  const child = spawn(process.execPath, [main, '--no-demo', '--data-dir', dir, ...ports], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const stop = async (): Promise<void> => {
    // A clean stop takes the sandboxes away; one that hangs must not leave the benchmark waiting.
    const forced = setTimeout(() => child.kill('SIGKILL'), 30_000)
    await endChild(child, 'SIGTERM')
    clearTimeout(forced)
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const file = join(dir, 'connection.json')
    for (const deadlineMs = performance.now() + startWithinMs; !existsSync(file); ) {
      if (child.exitCode !== null) throw new Error(`the fabric ended at start with ${child.exitCode}`)
      if (performance.now() > deadlineMs) throw new Error(`the fabric was not ready within ${startWithinMs / 1_000} s`)
      await wait(20)
    }
    const connection = parseConnection(await readFile(file, 'utf8'))
    if (!connection.ok) throw new Error(`${file} ${connection.error}`)
    return { connection: connection.value, pid: child.pid as number, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}
