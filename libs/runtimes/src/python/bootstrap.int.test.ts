import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { detectRuntimes } from '../detect.ts'
import { runtimePrograms } from '../managed.ts'
import { HostSide } from '../testing/host-side.ts'

const id = '01234567-89ab-4def-8123-456789abcdef'
const pythons = detectRuntimes().filter((runtime) => runtime.language === 'python')

test('the host has a Python', () => {
  expect(pythons).not.toEqual([])
})

describe.each(pythons)('$id', ({ binary, version }) => {
  const started = async (
    handler: string,
    files: Record<string, string>,
    environment?: Record<string, string>,
    logFormat?: string,
  ) => {
    const host = await HostSide.start([binary, '-I', join(runtimePrograms.python, 'bootstrap.py')], files)
    expect(JSON.parse((await host.answer()).body)).toEqual({ language: 'python', version })
    host.init(handler, environment, logFormat)
    return host
  }
  const ready = async (...args: Parameters<typeof started>) => {
    const host = await started(...args)
    expect((await host.answer()).type).toBe(17)
    return host
  }
  const call = async (host: HostSide, payload = '{}', header = {}) => {
    host.invoke(id, payload, header)
    const { logs, type, body } = await host.answer()
    expect(body.slice(0, 36)).toBe(id)
    return { logs, type, value: JSON.parse(body.slice(36)) }
  }

  test('runs a handler of a package, with its environment, context, prints and logging', async () => {
    await using host = await ready(
      'pkg/app.run',
      {
        'pkg/__init__.py': '',
        'pkg/app.py': `import logging, os
logging.getLogger().setLevel(logging.INFO)
count = 0
def run(event, context):
    global count
    count += 1
    print("printed", event["a"])
    logging.info("logged %d", 7)
    return {"n": count, "x": os.environ["X"], "id": context.aws_request_id, "mem": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis() > 0}
`,
      },
      { X: 'y', AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128' },
    )
    const { logs, value } = await call(host, '{"a":"é"}')
    expect(value).toEqual({ n: 1, x: 'y', id, mem: '128', left: true })
    expect(logs[0]).toBe('printed é')
    expect(logs[1]).toMatch(/^\[INFO\]\t[\d-]+T[\d:.]+Z\t01234567-89ab-4def-8123-456789abcdef\tlogged 7$/)
    expect((await call(host, '{"a":"é"}')).value.n).toBe(2)
  })

  test('what is loaded ahead of functions is not to be seen by them', async () => {
    const program = `
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("bootstrap", ${JSON.stringify(join(runtimePrograms.python, 'bootstrap.py'))})
bootstrap = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bootstrap)
seen = lambda: [sorted(sys.modules), list(sys.path), sorted(sys.path_importer_cache), sys.dont_write_bytecode, dict(os.environ)]
before = seen()
bootstrap.warm_up()
print(json.dumps([before, seen()]))`
    const { stdout } = await promisify(execFile)(binary, ['-I', '-B', '-c', program])
    const [before, after] = JSON.parse(stdout)
    expect(after).toEqual(before)
  })

  test('tells an exception by type, message and trace, and goes on', async () => {
    await using host = await ready('app.run', {
      'app.py': 'def run(e, c):\n    if e: raise KeyError("k")\n    return None\n',
    })
    const failed = await call(host, '{"fail":true}')
    expect(failed.type).toBe(20)
    expect(failed.value).toMatchObject({ errorType: 'KeyError', errorMessage: "'k'" })
    expect(failed.value.stackTrace).toHaveLength(1)
    expect(failed.logs[0]).toMatch(/^\[ERROR\] KeyError: 'k'\nTraceback/)
    expect((await call(host)).value).toBeNull()
  })

  test('answers with a marshal error when the result is no JSON', async () => {
    await using host = await ready('app.run', { 'app.py': 'def run(e, c):\n    return {1, 2}\n' })
    expect((await call(host)).value.errorType).toBe('Runtime.MarshalError')
  })

  test('writes JSON logs when asked', async () => {
    await using host = await ready(
      'app.run',
      { 'app.py': 'import logging\ndef run(e, c):\n    logging.error("bad")\n' },
      {},
      'JSON',
    )
    const { logs } = await call(host)
    expect(JSON.parse(logs[0] as string)).toMatchObject({ level: 'ERROR', message: 'bad', requestId: id })
  })

  test('sys.exit ends the environment with its status', async () => {
    await using host = await ready('app.run', { 'app.py': 'import sys\ndef run(e, c):\n    sys.exit(3)\n' })
    host.invoke(id, '{}')
    expect(await host.exited).toBe(3)
  })

  test.each([
    ['app.nope', 'Runtime.HandlerNotFound'],
    ['missing.run', 'Runtime.ImportModuleError'],
    ['nodot', 'Runtime.MalformedHandlerName'],
    ['broken.run', 'Runtime.UserCodeSyntaxError'],
    ['throws.run', 'ZeroDivisionError'],
  ])('tells why %s does not initialise', async (handler, errorType) => {
    await using host = await started(handler, { 'app.py': '', 'broken.py': 'def run(', 'throws.py': '1 / 0' })
    const { type, body } = await host.answer()
    expect(type).toBe(18)
    expect(JSON.parse(body).errorType).toBe(errorType)
  })
})
