import { execFileSync } from 'node:child_process'
import { RunStatus } from '@weft/contracts/worker'
import { type BuiltLayer, buildLayer, pythonBase, pythonConfig } from '@weft/kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DriverUnderTest, drivers } from '../testing/drivers.ts'
import { extensionProgram } from '../testing/extension-program.ts'
import { leftovers } from '../testing/leftovers.ts'
import { TestWorker, testDataDir } from '../testing/test-worker.ts'

const { RUN_STATUS_FUNCTION_ERROR } = RunStatus
/** What the base says, as the sandbox spec has it. */
const asBase = {
  entryPoint: pythonConfig.Entrypoint,
  command: pythonConfig.Cmd,
  workingDirectory: pythonConfig.WorkingDir,
}
const environment = { LAMBDA_TASK_ROOT: '/var/task', PATH: '/usr/bin:/bin', OWN: 'x' }

describe.each(drivers)('container images over the $name driver', ({ name, prepare }) => {
  let data: ReturnType<typeof testDataDir>
  let host: Awaited<ReturnType<DriverUnderTest['prepare']>>
  let w: TestWorker
  let base: BuiltLayer
  beforeAll(async () => {
    base = await buildLayer(pythonBase())
    data = testDataDir()
    host = await prepare()
    w = await TestWorker.start(host.create(data.path), data.path)
  })
  afterAll(async () => {
    await w[Symbol.asyncDispose]()
    expect(leftovers(data.path)).toEqual([])
    if (host.socketPath !== undefined) {
      const args = [
        '--host',
        `unix://${host.socketPath}`,
        'images',
        '--quiet',
        '--filter',
        `label=weft.owner=${data.path}`,
      ]
      expect(execFileSync('docker', args, { encoding: 'utf8' })).toBe('')
    }
    data.remove()
    await host[Symbol.asyncDispose]()
  })
  const app = (code: string) => buildLayer({ 'var/task/app.py': code })

  if (name === 'process') {
    test('are refused, because there is nothing that they could be the root of', async () => {
      expect(w.worker.runtimes).not.toContain('image')
      await expect(w.imageEnvironment([base], asBase)).rejects.toThrow('the process driver runs no container images')
    })
    return
  }

  test('run: event, variables, folder, log lines, errors', async () => {
    expect(w.worker.runtimes).toContain('image')
    const layer = await app(`
import os, sys
def handler(event, context):
    print("in the image")
    if event.get("fail"):
        raise ValueError("no good")
    return {"event": event, "env": dict(os.environ), "cwd": os.getcwd(), "uid": os.getuid(), "root": sorted(os.listdir("/")), "args": sys.argv, "tmp": open("/tmp/x", "w").write("kept")}
`)
    const env = await w.imageEnvironment([base, layer], asBase, { environment })
    const answer = await env.call({ a: 'ö' })
    expect(answer).toMatchObject({
      event: { a: 'ö' },
      cwd: '/var/task',
      args: ['/var/runtime/bootstrap.py', 'app.handler'],
      env: {
        OWN: 'x',
        _HANDLER: 'app.handler',
        AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
        AWS_REGION: 'us-east-1',
        PATH: '/usr/bin:/bin',
      },
    })
    expect(await env.run({ fail: true })).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'ValueError' })
    expect(await env.call({ again: true })).toMatchObject({ event: { again: true } })
  })

  test.each<[string, { entryPoint?: string[]; command?: string[]; workingDirectory?: string }, string, string]>([
    [
      'nothing to run',
      { entryPoint: [], command: [] },
      'InvalidEntrypoint',
      'the image has no entry point and no command',
    ],
    [
      'a program that is not there',
      { entryPoint: ['/none'] },
      'InvalidEntrypoint',
      'fork/exec /none: no such file or directory',
    ],
    [
      'a program that is nowhere',
      { entryPoint: ['none'] },
      'InvalidEntrypoint',
      'exec: "none": executable file not found in $PATH',
    ],
    [
      'a file that may not be run',
      { entryPoint: ['/etc/plain'] },
      'InvalidEntrypoint',
      'fork/exec /etc/plain: permission denied',
    ],
    [
      'a file that is no program',
      { entryPoint: ['/bin/text'] },
      'InvalidEntrypoint',
      'fork/exec /bin/text: exec format error',
    ],
    [
      'no such folder',
      { workingDirectory: '/none' },
      'InvalidWorkingDir',
      "the working directory doesn't exist: /none",
    ],
    [
      'a folder that is not absolute',
      { workingDirectory: 'var' },
      'InvalidWorkingDir',
      "the working directory 'var' is invalid, it needs to be an absolute path",
    ],
    [
      'a program that ends',
      { entryPoint: ['/bin/sh', '-c', 'exit 3'] },
      'ExitError',
      'Runtime exited with error: exit status 3',
    ],
    [
      'a program that ends well',
      { entryPoint: ['/bin/sh', '-c', 'true'] },
      'ExitError',
      'Runtime exited without providing a reason',
    ],
  ])('that cannot be run say why: %s', async (_, image, type, message) => {
    const layer = await buildLayer({
      'etc/plain': { content: 'x', header: { mode: 0o644 } },
      'bin/text': 'no program',
      'var/task/x': '',
    })
    const env = await w.imageEnvironment([base, layer], { ...asBase, ...image }, { environment })
    const requestId = '11111111-2222-4333-8444-555555555555'
    const result = await env.run({}, { requestId })
    expect(JSON.parse(result.payload.toString())).toEqual({
      errorType: `Runtime.${type}`,
      errorMessage: `RequestId: ${requestId} Error: ${message}`,
    })
    expect(result.detail).toBe(`Runtime.${type}`)
  })

  test('are read-only but for /tmp, which outlives a crash and a timeout', async () => {
    const layer = await app(`
import os, time
def handler(event, context):
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "exit" in event:
        os._exit(event["exit"])
    writable = []
    for folder in ["/", "/etc", "/var/task", "/run/weft", "/opt", "/home", "/tmp", "/dev"]:
        try:
            with open(folder + "/mark", "a") as file:
                file.write(".")
            writable.append(folder)
        except OSError:
            pass
    return {"writable": writable, "marks": open("/tmp/mark").read()}
`)
    const env = await w.imageEnvironment([base, layer, await buildLayer({ 'home/x': '', 'opt/x': '' })], asBase, {
      environment,
      timeoutMs: 3_000,
    })
    expect(await env.call()).toEqual({ writable: ['/tmp'], marks: '.' })
    expect(await env.run({ exit: 7 })).toMatchObject({ detail: 'Runtime.ExitError' })
    expect(await env.call()).toEqual({ writable: ['/tmp'], marks: '..' })
    expect(await env.run({ sleep: 30 })).toMatchObject({ detail: 'Sandbox.Timedout' })
    expect(await env.call()).toEqual({ writable: ['/tmp'], marks: '...' })
  })

  test('have their layers over one another, and the extensions that lie in /opt/extensions', async () => {
    const layers = [
      base,
      await buildLayer({ 'data/gone': 'x', 'data/kept': 'x', 'old/a': 'x', 'var/task/version': 'first' }, 'zstd'),
      await buildLayer(
        { 'data/.wh.gone': '', 'old/.wh..wh..opq': '', 'old/b': 'x', 'var/task/version': 'second' },
        'none',
      ),
      await buildLayer({ 'opt/extensions/watcher': extensionProgram }),
      await app(`
import os
def handler(event, context):
    return {"data": os.listdir("/data"), "old": os.listdir("/old"), "version": open("/var/task/version").read()}
`),
    ]
    const env = await w.imageEnvironment(layers, asBase, { environment })
    expect(await env.call()).toEqual({ data: ['kept'], old: ['b'], version: 'second' })
    expect(await env.call()).toMatchObject({ version: 'second' })
  })

  /** On a worker that runs nothing else. While `without` runs, no sandbox is made. */
  async function alone(
    run: (
      worker: TestWorker,
      stems: (count: number) => Promise<void>,
      without: <T>(work: () => Promise<T>) => Promise<T>,
    ) => Promise<void>,
  ) {
    const own = testDataDir()
    const driver = host.create(own.path)
    const create = driver.create.bind(driver)
    let gate = Promise.resolve()
    driver.create = async (request) => {
      await gate
      return create(request)
    }
    {
      await using worker = await TestWorker.start(driver, own.path)
      const stems = async (count: number): Promise<void> => {
        while (worker.worker.details().stems !== count) await new Promise((resolve) => setImmediate(resolve))
      }
      await run(worker, stems, async (work) => {
        const { promise, resolve } = Promise.withResolvers<void>()
        gate = promise
        return work().finally(resolve)
      })
    }
    own.remove()
  }

  test('have a sandbox ready for the next environment, in which nothing has run', async () => {
    const code = await app(`
import os
def handler(event, context):
    open("/tmp/mark", "a").write("x")
    return open("/tmp/mark").read()
def other(event, context):
    return "the other one of " + os.environ["OWN"]
`)
    await alone(async (worker, stems, without) => {
      const first = await worker.imageEnvironment([base, code], asBase, { environment })
      expect(await first.call()).toBe('x')
      await stems(1)
      const again = await without(() => worker.imageEnvironment([base, code], asBase, { environment }))
      expect(await again.call()).toBe('x')
      await stems(1)
      const changed = { environment: { ...environment, OWN: 'y' } }
      const other = { ...asBase, command: ['app.other'] }
      const third = await without(() => worker.imageEnvironment([base, code], other, changed))
      expect(await third.call()).toBe('the other one of y')
    })
  })

  test('that are expected are unpacked, and a sandbox of them made, before they are called', async () => {
    const code = await app('def handler(event, context):\n    return "expected"\n')
    await alone(async (worker, stems, without) => {
      const spec = worker.imageSpec([base, code], asBase, { environment })
      worker.send({ $case: 'expect', value: { spec } })
      await stems(1)
      const env = await without(() => worker.environment({}, spec))
      expect(await env.call()).toBe('expected')
    })
  })

  test('that are damaged or missing are told of, and tried anew', async () => {
    const whole = await app('def handler(event, context):\n    return "whole"\n')
    const damaged = { ...whole, blob: whole.blob.subarray(0, -20) }
    await expect(w.imageEnvironment([base, damaged], asBase, { environment })).rejects.toThrow(/of an image cannot be/)
    const env = await w.imageEnvironment([base, whole], asBase, { environment })
    expect(await env.call()).toBe('whole')
  })
})
