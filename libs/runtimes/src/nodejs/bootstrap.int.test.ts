import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { detectRuntimes } from '../detect.ts'
import { runtimePrograms } from '../managed.ts'
import { HostSide } from '../testing/host-side.ts'

const id = '01234567-89ab-4def-8123-456789abcdef'
const nodes = detectRuntimes().filter((runtime) => runtime.language === 'nodejs')

describe.each(nodes)('$id', ({ binary, version }) => {
  const start = (files: Record<string, string>) =>
    HostSide.start([binary, join(runtimePrograms.nodejs, 'bootstrap.mjs')], files)

  const started = async (handler: string, files: Record<string, string>, environment?: Record<string, string>) => {
    const host = await start(files)
    expect(JSON.parse((await host.answer()).body)).toEqual({ language: 'nodejs', version: `v${version}` })
    host.init(handler, environment)
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

  test('runs an ES module with its environment, keeps its state, and sends its log ahead of the answer', async () => {
    await using host = await ready(
      'src/app.api.run',
      {
        'src/app.mjs':
          'let n = 0\nexport const api = { run: async (e) => { console.log("got", e); return { n: ++n, x: process.env.X } } }',
      },
      { X: 'y' },
    )
    expect((await call(host, '{"a":1}')).value).toEqual({ n: 1, x: 'y' })
    const second = await call(host, '{"a":1}')
    expect(second.value.n).toBe(2)
    expect(second.logs).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z\t01234567-89ab-4def-8123-456789abcdef\tINFO\tgot { a: 1 }$/),
    ])
  })

  test('runs CommonJS, and gives a context as AWS does', async () => {
    await using host = await ready(
      'index.handler',
      {
        'index.js':
          'exports.handler = async (e, c) => ({ id: c.awsRequestId, mem: c.memoryLimitInMB, arn: c.invokedFunctionArn, left: c.getRemainingTimeInMillis() > 0, custom: c.clientContext.custom })',
      },
      { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128' },
    )
    const { value } = await call(host, '{}', { clientContext: '{"custom":{"k":1}}' })
    expect(value).toEqual({ id, mem: '128', arn: 'arn:x', left: true, custom: { k: 1 } })
  })

  test('answers a callback once the event loop is empty, or at once when told to', async () => {
    await using host = await ready('index.handler', {
      'index.js': `let ticks = 0
exports.handler = (e, c, cb) => {
  c.callbackWaitsForEmptyEventLoop = e.wait
  setTimeout(() => { ticks++ }, e.wait ? 20 : 60_000)
  cb(null, { get ticks() { return ticks } })
}`,
    })
    expect((await call(host, '{"wait":true}')).value).toEqual({ ticks: 1 })
    expect((await call(host, '{"wait":false}')).value).toEqual({ ticks: 1 })
  })

  test('answers null when the callback is never called', async () => {
    await using host = await ready('index.handler', {
      'index.js': 'exports.handler = (e, c, cb) => { setTimeout(() => {}, 5) }',
    })
    expect((await call(host)).value).toBeNull()
  })

  test('tells an exception by type, message and trace, and goes on', async () => {
    await using host = await ready('index.handler', {
      'index.js':
        'exports.handler = async (e) => { if (e.fail) throw Object.assign(new RangeError("too far"), { self: globalThis }); return 1 }',
    })
    const failed = await call(host, '{"fail":true}')
    expect(failed.type).toBe(20)
    expect(failed.value).toMatchObject({ errorType: 'RangeError', errorMessage: 'too far' })
    expect(failed.value.trace[0]).toBe('RangeError: too far')
    expect(failed.logs[0]).toMatch(/\tERROR\tInvoke Error \t{"errorType":"RangeError"/)
    expect((await call(host)).value).toBe(1)
  })

  test('answers with a marshal error when the result is no JSON', async () => {
    await using host = await ready('index.handler', { 'index.js': 'exports.handler = async () => ({ n: 1n })' })
    expect((await call(host)).value.errorType).toBe('Runtime.MarshalError')
  })

  test('an error outside the handler answers the invocation and ends the environment', async () => {
    await using host = await ready('index.handler', {
      'index.js': 'exports.handler = () => new Promise(() => setTimeout(() => { throw new Error("later") }, 5))',
    })
    expect((await call(host)).value.errorMessage).toBe('later')
    expect(await host.exited).toBe(129)
  })

  test.each([
    ['index.nope', 'Runtime.HandlerNotFound', 'index.nope is undefined or not exported'],
    ['missing.handler', 'Runtime.ImportModuleError', "Error: Cannot find module 'missing'"],
    ['../index.handler', 'Runtime.MalformedHandlerName', undefined],
    ['nodot', 'Runtime.MalformedHandlerName', 'Bad handler'],
    ['broken.handler', 'Runtime.UserCodeSyntaxError', undefined],
    ['throws.handler', 'TypeError', 'at load'],
  ])('tells why %s does not initialise', async (handler, errorType, errorMessage) => {
    await using host = await started(handler, {
      'index.js': 'exports.other = 1',
      'broken.js': 'exports.handler = (',
      'throws.js': 'throw new TypeError("at load")',
    })
    const { type, body } = await host.answer()
    expect(type).toBe(18)
    expect(JSON.parse(body)).toMatchObject({ errorType, ...(errorMessage !== undefined && { errorMessage }) })
  })
})
