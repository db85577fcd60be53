import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { silentLogger } from '@weft/platform'
import type { Sandbox, SandboxDriver, StemRequest } from '@weft/sandbox'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createDockerDriver } from './docker-driver.ts'
import type { InsideHelper } from './docker-sandbox.ts'
import { connectEngine } from './engine.ts'
import { startDockerd, type TestEngine } from './testing/dockerd.ts'

let engine: TestEngine
let dataDir: string
let driver: SandboxDriver
const made: Sandbox[] = []
let count = 0

beforeAll(async () => {
  engine = await startDockerd()
  // A sandbox's user must be able to pass through every folder above the ones bound into it.
  dataDir = await mkdtemp(join(tmpdir(), 'weft-docker-'))
  await chmod(dataDir, 0o755)
  driver = createDockerDriver({ dataDir, log: silentLogger, socketPath: engine.socketPath })
})

afterEach(async () => {
  for (const sandbox of made.splice(0)) await sandbox.destroy()
  expect(await readdir(join(dataDir, 'docker-sandboxes')).catch(() => [])).toEqual([])
})

afterAll(async () => {
  expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(dataDir)
  await rm(dataDir, { recursive: true })
  await engine[Symbol.asyncDispose]()
  expect(engine.leftovers()).toEqual([])
})

const python = (code: string) => ({
  id: 'python',
  binds: [],
  command: ['/usr/bin/python3', '-I', '-S', '-c', code],
  environment: { HOME: '/tmp', GREETING: 'hello world' },
  framed: false,
})

/** A request with a socket folder of its own, as a worker makes it. */
async function stem(code: string, more: Partial<StemRequest> = {}): Promise<StemRequest> {
  const sandboxId = `t${count++}`
  const socketDir = join(dataDir, `sockets-${sandboxId}`)
  await mkdir(socketDir)
  return { sandboxId, socketDir, runtime: python(code), ephemeralStorageMb: 512, timeoutMs: 30_000, ...more }
}

async function create(request: StemRequest): Promise<Sandbox> {
  const sandbox = await driver.create(request)
  made.push(sandbox)
  return sandbox
}

const start = async (code: string): Promise<Sandbox> => create(await stem(code))

/** Everything it prints until it ends. */
async function outputOf(sandbox: Sandbox): Promise<{ stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' }
  sandbox.onOutput((chunk, from) => {
    output[from] += chunk
    return 0
  })
  await sandbox.exited
  return output
}

/** A sandbox that waits for one line on a socket of the worker's, runs it and answers with what it returned. */
const obedient = `
import socket
s = socket.socket(socket.AF_UNIX)
s.connect('/run/weft/runtime.sock')
for line in s.makefile():
    try:
        answer = eval(line)
    except BaseException as e:
        answer = type(e).__name__ + ': ' + str(e)
    s.sendall((repr(answer) + '\\n').encode())
`

async function startObedient(
  more: Partial<StemRequest> = {},
): Promise<{ sandbox: Sandbox; run: (expression: string) => Promise<string> }> {
  const request = await stem(obedient, more)
  const server = createServer()
  const path = join(request.socketDir, 'runtime.sock')
  await new Promise<void>((resolve) => server.listen(path, resolve))
  await chmod(path, 0o777)
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const sandbox = await create(request)
  const socket = await connected
  server.close()
  let received = ''
  let wake = () => {}
  socket.on('data', (chunk) => {
    received += chunk
    wake()
  })
  return {
    sandbox,
    run: async (expression) => {
      socket.write(`${expression}\n`)
      while (!received.includes('\n'))
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      const [line = '', ...rest] = received.split('\n')
      received = rest.join('\n')
      return line
    },
  }
}

test('the probe succeeds, and says what is missing where it does not', async () => {
  expect(await driver.probe()).toEqual({ ok: true, value: undefined })
  const other = (options: { socketPath?: string; engineRuntime?: string }) =>
    createDockerDriver({ dataDir, log: silentLogger, socketPath: engine.socketPath, ...options }).probe()
  expect(await other({ socketPath: '/nowhere/docker.sock' })).toEqual({
    ok: false,
    error: expect.stringContaining('no Docker socket at /nowhere/docker.sock'),
  })
  expect(await other({ engineRuntime: 'runx' })).toEqual({
    ok: false,
    error: expect.stringContaining('no runtime "runx", only'),
  })
})

test('output, environment, user and exit status come through', async () => {
  const sandbox = await start(`
import os, sys, pwd
print(os.environ['GREETING'], os.getuid() > 2**24, pwd.getpwuid(os.getuid()).pw_name, os.getcwd(), flush=True)
sys.stderr.write('problem')
sys.exit(3)`)
  expect(await outputOf(sandbox)).toEqual({ stdout: 'hello world True sandbox /var/task\n', stderr: 'problem' })
  expect(await sandbox.exited).toEqual({ code: 3, signal: undefined, oomKilled: false })
})

test('a death by signal is told from an exit', async () => {
  const sandbox = await start(`
import os, signal
if os.fork() == 0: os.kill(1, signal.SIGKILL); os._exit(0)
os.wait()
signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
os.kill(1, signal.SIGTERM)`)
  expect(await sandbox.exited).toEqual({ code: undefined, signal: 'SIGTERM', oomKilled: false })
})

test('a sandbox that uses more memory than its limit is killed, and that is seen', async () => {
  const { sandbox, run } = await startObedient()
  await sandbox.limit({ memoryMb: 128, cpu: 0 })
  void run(`len([bytearray(1 << 20) for _ in range(400)])`)
  expect(await sandbox.exited).toEqual({ code: undefined, signal: 'SIGKILL', oomKilled: true })
})

test('code appears at /var/task, read-only', async () => {
  const { sandbox, run } = await startObedient()
  expect(await run(`__import__('os').listdir('/var/task')`)).toBe('[]')
  const code = await mkdtemp(join(dataDir, 'code-'))
  await mkdir(join(code, 'lib'))
  await writeFile(join(code, 'app.py'), 'print(1)')
  await writeFile(join(code, 'lib', 'more.py'), 'print(2)')
  await sandbox.mountCode({ taskDir: code })
  expect(await run(`open('/var/task/app.py').read(), open('/var/task/lib/more.py').read()`)).toBe(
    `('print(1)', 'print(2)')`,
  )
  expect(await run(`open('/var/task/app.py', 'w')`)).toContain('Read-only file system')
  await rm(code, { recursive: true })
})

test('code that is known at the start is there from the first', async () => {
  const codeDir = await mkdtemp(join(dataDir, 'code-'))
  await chmod(codeDir, 0o755)
  await writeFile(join(codeDir, 'app.py'), 'print(1)')
  const { run } = await startObedient({ code: { taskDir: codeDir } })
  expect(await run(`open('/var/task/app.py').read()`)).toBe(`'print(1)'`)
  expect(await run(`open('/var/task/x', 'w')`)).toContain('Read-only file system')
})

test('a helper mounts and listens inside, told the process and how to know it', async () => {
  const calls: unknown[][] = []
  const server = createServer()
  const socket = new Socket()
  const helper: InsideHelper = {
    mount: async (...call) => void calls.push(['mount', ...call]),
    listen: async (...call) => {
      calls.push(['listen', ...call])
      return server
    },
    dial: async (...call) => {
      calls.push(['dial', ...call])
      return socket
    },
    close: async () => void calls.push(['close']),
  }
  const helped = createDockerDriver({ dataDir, log: silentLogger, socketPath: engine.socketPath, helper })
  const sandbox = await helped.create(await stem('import time; time.sleep(1000)'))
  made.push(sandbox)
  await sandbox.mountCode({ taskDir: '/some/code' })
  expect(await sandbox.listen?.(9001)).toEqual({ server, address: '127.0.0.1:9001' })
  expect(await sandbox.dial?.(4243)).toBe(socket)
  await helped.close?.()
  const [[, pid, mark] = []] = calls
  expect(await readFile(`/proc/${pid}/cgroup`, 'utf8')).toContain(mark)
  expect(calls).toEqual([
    ['mount', pid, mark, '/some/code', '/var/task'],
    ['listen', pid, mark, 9001],
    ['dial', pid, mark, 4243],
    ['close'],
  ])
  const program = await sandbox.run?.({
    programId: 'p1',
    command: [
      '/usr/bin/python3',
      '-c',
      'import os, sys; print(os.environ["NAME"], os.getcwd(), os.getuid()); sys.exit(5)',
    ],
    environment: { NAME: 'beside' },
    folder: '/tmp',
  })
  let output = ''
  program?.onOutput((chunk) => {
    output += chunk
    return 0
  })
  expect((await program?.exited)?.code).toBe(5)
  expect(output).toMatch(/^beside \/tmp [1-9]\d+\n$/)
})

test('freeze stops everything inside and thaw lets it go on; a frozen sandbox can be destroyed', async () => {
  const { sandbox, run } = await startObedient()
  expect(sandbox.pid).toBeGreaterThan(0)
  await sandbox.freeze()
  const answer = run('1 + 1')
  const { cpuMs } = await sandbox.stats()
  expect(await sandbox.stats()).toMatchObject({ cpuMs })
  await sandbox.thaw()
  expect(await answer).toBe('2')
  await sandbox.freeze()
  await sandbox.destroy()
  expect(await sandbox.exited).toMatchObject({ code: undefined, signal: 'SIGKILL' })
})

test('limits and statistics reach the cgroup', async () => {
  const { sandbox, run } = await startObedient()
  await sandbox.limit({ memoryMb: 256, cpu: 0.25 })
  await run(`bytearray(64 << 20) and None`)
  const stats = await sandbox.stats()
  expect(stats.memoryPeakBytes).toBeGreaterThan(64 * 1024 * 1024)
  expect(stats.memoryPeakBytes).toBeLessThanOrEqual(256 * 1024 * 1024)
  expect(stats.cpuMs).toBeGreaterThan(0)
  expect(stats.oomKills).toBe(0)
  await sandbox.limit({ memoryMb: 512, cpu: 1 })
  await sandbox.limit({ memoryMb: 128, cpu: 0 })
})

test('the floor: no privilege, no network, nowhere to write but /tmp', async () => {
  const { run } = await startObedient()
  const status = await run(`open('/proc/self/status').read()`)
  expect(status).toMatch(/CapEff:\\t0+\\n/)
  expect(status).toMatch(/CapBnd:\\t0+\\n/)
  expect(status).toContain('NoNewPrivs:\\t1')
  expect(status).toContain('Seccomp:\\t2')
  expect(await run(`sorted(p for p in __import__('os').listdir('/proc') if p.isdigit())`)).toBe(`['1']`)
  expect(await run(`__import__('os').listdir('/sys/class/net')`)).toBe(`['lo']`)
  const sockets = "__import__('socket')"
  const refusals: [string, RegExp][] = [
    [`open('/dev/shm/x', 'w')`, /No such file|Read-only|Permission/],
    [`open('/dev/mqueue/x', 'w')`, /Too many open files|Permission|No such file/],
    [`open('/etc/x', 'w')`, /Read-only/],
    [`open('/run/weft/x', 'w')`, /Read-only/],
    [`open('/usr/x', 'w')`, /Read-only/],
    [`open('/proc/sysrq-trigger', 'w')`, /Read-only|Permission|No such file/],
    [`open('/proc/kcore', 'rb')`, /Permission|No such file/],
    [`open('/dev/vda', 'rb')`, /No such file/],
    [`__import__('os').mknod('/tmp/x', 0o60600, 0x700)`, /not permitted/],
    [`${sockets}.create_connection(('192.0.2.1', 80), 1)`, /unreachable/],
    [`${sockets}.socket(40, 1)`, /not supported/],
    [`${sockets}.socket(17, 3)`, /not supported/],
    [`${sockets}.socket(38, 5)`, /not supported/],
  ]
  for (const [expression, refusal] of refusals) expect(await run(expression)).toMatch(refusal)
  const call = (number: number) =>
    `(lambda c: (c.syscall(${number}, 0, 0, 0, 0, 0), __import__('ctypes').get_errno()))(__import__('ctypes').CDLL(None, use_errno=True))`
  // keyctl, unshare, bpf, userfaultfd, io_uring_setup, mount, ptrace.
  if (process.arch === 'x64')
    for (const number of [250, 272, 321, 323, 425, 165, 101]) expect(await run(call(number))).toBe('(-1, 1)')
})

test('/tmp has its size, does not count as memory, and is empty', async () => {
  const { sandbox, run } = await startObedient()
  await sandbox.limit({ memoryMb: 128, cpu: 0 })
  expect(await run(`__import__('os').listdir('/tmp')`)).toBe('[]')
  expect(await run(`open('/tmp/a', 'wb').write(bytes(1 << 20)) and None`)).toBe('None')
  const fill = `sum(open('/tmp/big', 'ab').write(bytes(1 << 20)) for _ in range(200)) >> 20`
  expect(await run(fill)).toBe('200')
  expect(await run(`sum(open('/tmp/more', 'ab').write(bytes(1 << 20)) for _ in range(600))`)).toContain('No space left')
})

test('forks end at the limit of processes', async () => {
  const { run } = await startObedient()
  const fork = `__import__('os').fork() or __import__('time').sleep(1000)`
  expect(await run(`[${fork} for _ in range(2000)] and None`)).toContain('Resource temporarily unavailable')
})

test('a start that fails leaves nothing behind', async () => {
  const runtime = { ...python(''), command: ['/nowhere'] }
  await expect(driver.create(await stem('', { runtime }))).rejects.toThrow('/nowhere')
  await expect(driver.create(await stem('', { timeoutMs: 0 }))).rejects.toThrow('within 0 ms')
  const containers = await connectEngine(engine.socketPath).listContainers({ all: true })
  expect(containers.filter(({ Labels }) => Labels['weft.owner'] === dataDir)).toEqual([])
})

test('what an earlier worker left is found by its folder and removed, and nothing else', async () => {
  await start('import time; time.sleep(1000)')
  const sandbox = made.pop() as Sandbox
  const otherDir = await mkdtemp(join(tmpdir(), 'weft-docker-'))
  await chmod(otherDir, 0o755)
  const other = createDockerDriver({ dataDir: otherDir, log: silentLogger, socketPath: engine.socketPath })
  expect(await other.cleanUp()).toEqual([])
  const removed = await createDockerDriver({ dataDir, log: silentLogger, socketPath: engine.socketPath }).cleanUp()
  expect(removed).toEqual(['container', 'files', 'disk'].map((what) => `${what} of sandbox ${sandbox.id}`))
  await sandbox.exited
  await sandbox.destroy()
  await rm(otherDir, { recursive: true })
})

test('the image holds no program', async () => {
  const [image] = await connectEngine(engine.socketPath).listImages({ filters: { label: ['weft.sandbox-base'] } })
  expect(image?.Size).toBeLessThan(10_000)
  expect(
    await text(
      await connectEngine(engine.socketPath)
        .getImage(image?.Id ?? '')
        .get(),
    ),
  ).toContain('var/task')
})
