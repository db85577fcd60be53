import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@weft/platform'
import type { ProgramRequest, Sandbox, SandboxProgram, Scratch } from '@weft/sandbox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { groupFolders, sandboxesIn } from './groups.ts'
import { createOciDriver } from './oci-driver.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'weft-oci-'))
const driver = createOciDriver({ dataDir, log: silentLogger })
let count = 0

beforeAll(async () => {
  expect(await driver.probe()).toEqual({ ok: true, value: undefined })
})
afterAll(async () => {
  await driver.close?.()
  rmSync(dataDir, { recursive: true, force: true })
})

async function start(
  script: string,
  { codeDir, scratch }: { codeDir?: string; scratch?: Scratch } = {},
): Promise<{ sandbox: Sandbox; output: () => string }> {
  const sandboxId = `test${process.pid}x${++count}`
  const socketDir = join(dataDir, sandboxId)
  mkdirSync(socketDir, { mode: 0o755 })
  const sandbox = await driver.create({
    sandboxId,
    runtime: {
      id: 'python',
      binds: [],
      command: ['/usr/bin/python3', '-I', '-S', '-u', '-c', script],
      environment: { GREETING: 'hello' },
      framed: false,
    },
    ephemeralStorageMb: 32,
    socketDir,
    ...(codeDir !== undefined && { code: { taskDir: codeDir } }),
    ...(scratch && { scratch }),
    timeoutMs: 60_000,
  })
  let output = ''
  sandbox.onOutput((chunk) => {
    output += chunk
    return 0
  })
  return { sandbox, output: () => output }
}

const runToEnd = async (script: string, options = {}) => {
  const { sandbox, output } = await start(script, options)
  const exit = await sandbox.exited
  await sandbox.destroy()
  return { exit, output: output() }
}

test('a program runs as nobody in particular, sees itself alone, and its exit status is told', async () => {
  const { exit, output } = await runToEnd(`
import os, sys
print(os.getuid(), os.getpid(), os.environ["GREETING"], [p for p in os.listdir("/proc") if p.isdigit()])
print(open("/proc/self/status").read().split("CapEff:")[1].split()[0], os.listdir("/sys/class/net") if os.path.exists("/sys/class/net") else [])
print("to stderr", file=sys.stderr)
sys.exit(7)`)
  expect(exit).toEqual({ code: 7, signal: undefined, oomKilled: false })
  expect(output).toContain("993 1 hello ['1']")
  expect(output).toContain('0000000000000000')
  expect(output).toContain('to stderr')
})

test('the root is read-only, /tmp is writable and bounded, the network ends at loopback', async () => {
  const { output } = await runToEnd(`
import os, socket
def attempt(name, work):
    try: work(); print(name, "ok")
    except OSError as e: print(name, e.errno)
attempt("root", lambda: open("/x", "w"))
attempt("usr", lambda: open("/usr/x", "w"))
attempt("etc", lambda: open("/etc/passwd", "a"))
attempt("tmp", lambda: open("/tmp/x", "w").write("a"))
attempt("full", lambda: open("/tmp/y", "wb").write(bytes(40 << 20)))
attempt("net", lambda: socket.create_connection(("192.0.2.1", 80), 1))
attempt("unshare", lambda: os.unshare(0x10000000) if hasattr(os, "unshare") else (_ for _ in ()).throw(OSError(1, "")))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
`)
  expect(output.trim().split('\n')).toEqual([
    'root 30',
    'usr 30',
    'etc 13',
    'tmp ok',
    'full 28',
    'net 101',
    'unshare 1',
    'packet 97',
  ])
})

test('/tmp holds as many files as its size allows, and no more', async () => {
  const { output } = await runToEnd(`
import errno, os
made = 0
try:
    while True: os.mknod(f"/tmp/{made}"); made += 1
except OSError as e: print(errno.errorcode[e.errno], 1900 < made <= 2048)`)
  expect(output).toBe('ENOSPC True\n')
})

test('code appears at /var/task in a running sandbox, read-only', async () => {
  const code = mkdtempSync(join(dataDir, 'code-'))
  chmodSync(code, 0o755)
  writeFileSync(join(code, 'index.js'), 'hi')
  const script = `
import time, os
while not os.path.exists("/var/task/index.js"): time.sleep(0.005)
print(open("/var/task/index.js").read())
try: open("/var/task/x", "w")
except OSError as e: print(e.errno)`
  const { sandbox, output } = await start(script)
  await sandbox.mountCode({ taskDir: code })
  expect((await sandbox.exited).code).toBe(0)
  await sandbox.destroy()
  expect(output()).toBe('hi\n30\n')
  expect((await runToEnd(script, { codeDir: code })).output).toBe('hi\n30\n')
})

test('a listener inside is served by this process, and no other sandbox or host port is', async () => {
  const { sandbox, output } = await start(`
import socket
while True:
    try:
        s = socket.create_connection(("127.0.0.1", 9001)); break
    except ConnectionRefusedError: pass
s.sendall(b"ping"); print(s.recv(10).decode())`)
  const { server, address } = await (sandbox.listen as NonNullable<Sandbox['listen']>).call(sandbox, 9001)
  server.on('connection', (socket) => socket.on('data', (chunk) => socket.end(`${chunk}-pong`)))
  expect(address).toBe('127.0.0.1:9001')
  expect((await sandbox.exited).code).toBe(0)
  expect(output()).toBe('ping-pong\n')
  server.close()
  await sandbox.destroy()
  const refused = await new Promise((resolve) =>
    connect(9001, '127.0.0.1').on('error', (error: NodeJS.ErrnoException) => resolve(error.code)),
  )
  expect(refused).toBe('ECONNREFUSED')
})

test('several listeners asked for at once all arrive', async () => {
  const { sandbox } = await start('import sys, time\ntime.sleep(3600)')
  const ports = [9001, 9002, 9003, 9004]
  const listeners = await Promise.all(
    ports.map((port) => (sandbox.listen as NonNullable<Sandbox['listen']>).call(sandbox, port)),
  )
  expect(listeners.map(({ address }) => address)).toEqual(ports.map((port) => `127.0.0.1:${port}`))
  for (const { server } of listeners) server.close()
  await sandbox.destroy()
})

test('a frozen sandbox stands still, goes on when thawed, and can be destroyed frozen', async () => {
  const { sandbox, output } = await start('import time\nwhile True:\n  print("x", end=""); time.sleep(0.002)')
  const length = async (more: number) => {
    while (output().length <= more) await new Promise((resolve) => setImmediate(resolve))
    return output().length
  }
  await length(0)
  await sandbox.freeze()
  // What was under way when it froze arrives; then nothing changes while another process does a full round of work.
  await runToEnd('pass')
  const frozenAt = output().length
  await runToEnd('pass')
  expect(output().length).toBe(frozenAt)
  await sandbox.thaw()
  expect(await length(frozenAt)).toBeGreaterThan(frozenAt)
  await sandbox.freeze()
  await sandbox.destroy()
  expect((await sandbox.exited).signal).toBe('SIGKILL')
})

test('a sandbox above its memory is killed and says why; limits apply while it runs', async () => {
  const { sandbox } = await start('import sys\nsys.stdin.read()\nx = []\nwhile True: x.append(bytes(1 << 20))')
  await sandbox.limit({ memoryMb: 64, cpu: 1 })
  expect(await sandbox.exited).toEqual({ code: undefined, signal: 'SIGKILL', oomKilled: true })
  const { memoryPeakBytes } = await sandbox.stats()
  expect(memoryPeakBytes).toBeGreaterThan(30 * 1024 * 1024)
  expect(memoryPeakBytes).toBeLessThanOrEqual(64 * 1024 * 1024)
  await sandbox.destroy()
})

test('a program that does not exist fails the start with its reason and leaves nothing', async () => {
  const socketDir = join(dataDir, 'missing')
  mkdirSync(socketDir)
  const runtime = { id: 'none', binds: [], command: ['/usr/bin/no-such-program'], environment: {}, framed: false }
  await expect(
    driver.create({
      sandboxId: `missing${process.pid}`,
      runtime,
      ephemeralStorageMb: 16,
      socketDir,
      timeoutMs: 60_000,
    }),
  ).rejects.toThrow(/no-such-program/)
})

const runBeside = (sandbox: Sandbox, script: string, more: Partial<ProgramRequest> = {}): Promise<SandboxProgram> =>
  (sandbox.run as NonNullable<Sandbox['run']>).call(sandbox, {
    programId: `p${++count}`,
    command: ['/usr/bin/python3', '-I', '-S', '-u', '-c', script],
    environment: { NAME: 'beside' },
    folder: '/tmp',
    ...more,
  })
const asleep = 'import time\ntime.sleep(3600)'

test('a program beside the first has its rights and no more, tells its end, and takes signals', async () => {
  const { sandbox } = await start(asleep)
  const program = await runBeside(
    sandbox,
    `
import ctypes, os, sys
status = open("/proc/self/status").read()
print(os.getuid(), os.environ["NAME"], os.getcwd(), status.split("CapEff:")[1].split()[0], status.split("NoNewPrivs:")[1].split()[0])
print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit())[:2], ctypes.CDLL(None).unshare(0x10000000))
sys.exit(5)`,
  )
  let output = ''
  program.onOutput((chunk) => {
    output += chunk
    return 0
  })
  expect(await program.exited).toEqual({ code: 5, signal: undefined, oomKilled: false })
  expect(output).toContain('993 beside /tmp 0000000000000000 1')
  expect(output).toMatch(/\[1, \d+\] -1/)
  const sleeper = await runBeside(sandbox, asleep)
  sleeper.signal('SIGTERM')
  expect((await sleeper.exited).signal).toBe('SIGTERM')
  await expect(runBeside(sandbox, '', { command: ['/opt/none'] })).rejects.toThrow('no such file')
  const last = await runBeside(sandbox, asleep)
  await sandbox.destroy()
  expect((await last.exited).signal).toBe('SIGKILL')
})

test('the first program may handle the signal to end', async () => {
  const { sandbox } = await start(
    'import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\nprint("up")\ntime.sleep(3600)',
  )
  await new Promise<void>((resolve) =>
    sandbox.onOutput(() => {
      resolve()
      return 0
    }),
  )
  sandbox.terminate?.()
  expect((await sandbox.exited).code).toBe(9)
  await sandbox.destroy()
})

test('what listens inside can be dialled; where nobody does, that shows', async () => {
  const { sandbox } = await start(`
import socket
s = socket.create_server(("127.0.0.1", 4243)); print("up")
c, _ = s.accept(); c.sendall(c.recv(10) + b"-pong"); c.close()`)
  await new Promise<void>((resolve) =>
    sandbox.onOutput(() => {
      resolve()
      return 0
    }),
  )
  const dial = (port: number) => (sandbox.dial as NonNullable<Sandbox['dial']>).call(sandbox, port)
  const socket = await dial(4243)
  socket.write('ping')
  let heard = ''
  for await (const chunk of socket) heard += chunk
  expect(heard).toBe('ping-pong')
  const deaf = await dial(4244)
  deaf.write('ping')
  await new Promise<void>((resolve) => deaf.on('error', () => resolve()))
  await sandbox.destroy()
})

test('/tmp goes on in a successor, whose user owns what is there, and goes with it', async () => {
  const first = await start('open("/tmp/kept", "w").write("kept")')
  await first.sandbox.exited
  const scratch = await first.sandbox.retire()
  await first.sandbox.destroy()
  const second = await start(
    'print(open("/tmp/kept").read()); open("/tmp/kept", "a").write("!"); open("/tmp/new", "w")',
    {
      scratch,
    },
  )
  expect((await second.sandbox.exited).code).toBe(0)
  expect(second.output()).toBe('kept\n')
  await second.sandbox.destroy()
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(dataDir)
})

test('what a killed worker left is found and removed', async () => {
  const { sandbox } = await start('import time\ntime.sleep(3600)')
  const owner = /\/weft\/([0-9a-f]{12})\//.exec(readFileSync(`/proc/${sandbox.pid}/cgroup`, 'utf8'))?.[1] as string
  expect(await sandboxesIn(owner)).toContain(sandbox.id)
  const removed = await createOciDriver({ dataDir, log: silentLogger }).cleanUp()
  expect(removed).toContain(`sandbox ${sandbox.id}`)
  expect((await sandbox.exited).signal).toBe('SIGKILL')
  expect(await groupFolders(owner, '')).toEqual([])
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(dataDir)
  expect(existsSync(`/run/weft-${owner}`)).toBe(false)
})
