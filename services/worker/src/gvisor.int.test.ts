import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createDockerDriver } from '@weft/docker'
import { startDockerd, type TestEngine } from '@weft/docker/testing'
import { silentLogger as log } from '@weft/platform'
import { detectRuntimes } from '@weft/runtimes'
import { compileJava } from '@weft/runtimes/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chooseDriver } from './choose-driver.ts'
import { hostThings } from './testing/host-things.ts'
import { TestWorker, testDataDir } from './testing/test-worker.ts'

const walls = { 'app.py': readFileSync(new URL('walls/walls.py', import.meta.url), 'utf8') }
const detected = detectRuntimes()
const python = detected.find(({ language }) => language === 'python')?.id ?? ''

/** Attempts that end in the kernel of the sandbox itself, which has no system call filter and takes no harm from them. */
const ofItsOwnKernel = {
  /** What they do to the process that tries them spoils the others. */
  harmful: [
    ...['flood_of_processes', 'flood_of_threads', 'chroot', 'pivot_root', 'unshare', 'new_user_namespace', 'setns'],
  ],
  found: [
    ...[
      'filter_of_system_calls',
      'io_uring_setup',
      'mq_open',
      'open_by_handle_at',
      'perf_event_open',
      'shmget',
      'syslog',
    ],
    // Its /proc does not tell what they look for.
    ...['descriptors', 'oom_score', 'privileges', 'setuid_programs'],
  ],
}

describe('functions under gVisor', () => {
  let data: ReturnType<typeof testDataDir>
  let programs: string
  let engine: TestEngine
  let w: TestWorker
  beforeAll(async () => {
    data = testDataDir()
    programs = mkdtempSync(join(tmpdir(), 'weft-runsc-'))
    const program = join(programs, 'runsc')
    // The runtime in a sandbox connects to the socket of its worker; it has no other network.
    writeFileSync(program, '#!/bin/sh\nexec runsc --host-uds=open --network=none "$@"\n')
    chmodSync(program, 0o755)
    engine = await startDockerd({ own: true, runtimes: { runsc: program } })
    const { socketPath } = engine
    w = await TestWorker.start(
      createDockerDriver({ dataDir: data.path, socketPath, engineRuntime: 'runsc', log }),
      data.path,
    )
  })
  afterAll(async () => {
    await w?.[Symbol.asyncDispose]()
    await engine?.[Symbol.asyncDispose]()
    data.remove()
    rmSync(programs, { recursive: true, force: true })
  })

  test('it is chosen when asked for, and nothing weaker in its place', async () => {
    const options = { dataDir: data.path, log, dockerSocket: engine.socketPath, engineRuntime: 'runsc' } as const
    const chosen = await chooseDriver({ ...options, choice: 'auto' })
    expect(chosen).toMatchObject({ ok: true, value: { driver: { name: 'docker', isolation: 'gvisor' } } })
    expect(await chooseDriver({ ...options, choice: 'oci' })).toMatchObject({ ok: false })
    expect(await chooseDriver({ ...options, choice: 'auto', engineRuntime: 'kata' })).toMatchObject({ ok: false })
  })

  test('the worker offers what can run there', () => {
    expect(w.worker.isolation).toBe('gvisor')
    expect(w.worker.runtimes).toContain('nodejs24.x')
    expect(w.worker.runtimes.filter((id) => id.startsWith('provided'))).toEqual([])
  })

  test('Node.js: a kernel of its own, calls one after another, frozen between them', async () => {
    const code = {
      'index.mjs': `import { readFileSync } from 'node:fs'
        let calls = 0
        export const handler = async () => ({ calls: ++calls, kernel: readFileSync('/proc/version', 'utf8') })`,
    }
    const env = await w.environment(code, { isolation: 'gvisor' })
    const first = (await env.call()) as { calls: number; kernel: string }
    expect(first).toMatchObject({ calls: 1, kernel: expect.not.stringContaining(kernelOfHost()) })
    expect(await env.call()).toMatchObject({ calls: 2 })
  })

  test('Python: its files, and an end after a timeout', async () => {
    const code = {
      'index.py': `
import time
def handler(event, context):
    open("/tmp/mark", "a").write("x")
    if event.get("hang"): time.sleep(60)
    return open("/tmp/mark").read()`,
    }
    const env = await w.environment(code, { runtime: python, timeoutMs: 5_000 })
    expect(await env.call()).toBe('x')
    expect(await env.call({ hang: 1 })).toMatchObject({ errorType: 'Sandbox.Timedout' })
    expect(await env.call()).toBe('xxx')
  })

  test('Ruby and Java', async () => {
    const ruby = { 'index.rb': 'def handler(event:, context:)\n  event\nend' }
    const rubyId = detected.find(({ language }) => language === 'ruby')?.id ?? ''
    expect(await (await w.environment(ruby, { runtime: rubyId })).call({ a: 1 })).toEqual({ a: 1 })
    const { binary = '', client = '', id = '' } = detected.find(({ language }) => language === 'java') ?? {}
    const java = await compileJava(dirname(dirname(binary)), client, {
      'app/Echo.java': `package app;
public class Echo implements com.amazonaws.services.lambda.runtime.RequestHandler<String, String> {
  @Override public String handleRequest(String event, com.amazonaws.services.lambda.runtime.Context context) {
    return event + event;
  }
}`,
    })
    const env = await w.environment(java, { runtime: id, handler: 'app.Echo', memoryMb: 1_024, timeoutMs: 60_000 })
    expect(await env.call('ab')).toBe('abab')
  })

  test('nothing of the host is found by any attempt, cold and warm', async () => {
    const things = await hostThings(data.path)
    const spec = { runtime: python, handler: 'app.handler', memoryMb: 2_048, timeoutMs: 120_000 }
    const env = await w.environment(walls, spec)
    const skip = [...ofItsOwnKernel.harmful, ...ofItsOwnKernel.found]
    for (const _turn of ['cold', 'warm'])
      expect(await env.call({ ...things.event, tmpMb: 512, skip })).toEqual({ attempts: expect.any(Number), found: {} })
    things.close()
  })

  test('what asks for more is refused by the worker too', async () => {
    await expect(w.environment({ 'index.mjs': '' }, { isolation: 'vm' })).rejects.toThrow(
      'needs the isolation vm, and this worker has gvisor',
    )
  })
})

const kernelOfHost = (): string => execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()
