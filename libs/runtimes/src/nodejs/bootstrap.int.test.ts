import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
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

  test('what is loaded ahead of functions is not to be seen by them', async () => {
    const program = `
      import { createRequire } from 'node:module'
      const before = Object.keys(globalThis)
      const { warmUp } = await import(${JSON.stringify(join(runtimePrograms.nodejs, 'warm-up.mjs'))})
      await warmUp()
      const { cache } = createRequire('/')
      console.log(JSON.stringify({ cached: Object.keys(cache), globals: Object.keys(globalThis).length - before.length }))`
    const { stdout } = await promisify(execFile)(binary, ['--input-type=module', '-e', program])
    expect(JSON.parse(stdout)).toEqual({ cached: [], globals: 0 })
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

  describe('streams', () => {
    /** Every frame of one streamed answer; LOG frames left out. */
    const streamed = async (host: HostSide, payload = '{}') => {
      host.invoke(id, payload)
      const frames: { type: number; text: string }[] = []
      for (;;) {
        const { type, body } = await host.next()
        if (type === 21) continue
        expect(body.toString('latin1', 0, 36)).toBe(id)
        frames.push({ type, text: body.toString('utf8', 36) })
        if (type !== 23 && type !== 24) return frames
      }
    }
    const handler = (code: string) => ({
      'index.mjs': `export const handler = awslambda.streamifyResponse(async (event, stream, context) => {${code}})`,
    })
    const joined = (frames: readonly { type: number; text: string }[]) =>
      frames
        .filter(({ type }) => type === 24)
        .map(({ text }) => text)
        .join('')

    test('what a handler writes, in order, in parts of 64 KiB', async () => {
      await using host = await ready(
        'index.handler',
        handler(
          'stream.setContentType("text/plain"); stream.write("a"); stream.write("b".repeat(200_000)); stream.end("c")',
        ),
      )
      for (let round = 0; round < 2; round++) {
        const frames = await streamed(host)
        expect(frames[0]).toEqual({ type: 23, text: 'text/plain' })
        expect(frames.at(-1)).toEqual({ type: 25, text: '' })
        expect(joined(frames)).toBe(`a${'b'.repeat(200_000)}c`)
        expect(Math.max(...frames.map(({ text }) => text.length))).toBeLessThanOrEqual(65_536)
      }
    })

    test('status and headers ahead of the body', async () => {
      await using host = await ready(
        'index.handler',
        handler(
          'const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: "b" } }); out.end("hi")',
        ),
      )
      const frames = await streamed(host)
      expect(frames[0]?.text).toBe('application/vnd.awslambda.http-integration-response')
      expect(joined(frames)).toBe(`{"statusCode":201,"headers":{"a":"b"}}${'\0'.repeat(8)}hi`)
    })

    test('an error before the first byte is a plain one, and one after it ends the stream', async () => {
      await using host = await ready(
        'index.handler',
        handler('if (event.write) { stream.write("x"); stream.write("y") } throw new TypeError("no")'),
      )
      const [early, ...none] = await streamed(host)
      expect(early?.type).toBe(20)
      expect(none).toEqual([])
      const late = await streamed(host, '{"write":true}')
      expect(late.map(({ type }) => type)).toEqual([23, 24, 24, 20])
      expect(joined(late)).toBe('xy')
      expect(JSON.parse(late.at(-1)?.text ?? '')).toMatchObject({ errorType: 'TypeError', errorMessage: 'no' })
    })

    test('a pipeline that breaks, a stream that is destroyed, a handler that is no promise', async () => {
      await using host = await ready('index.handler', {
        'index.mjs': `import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
export const handler = awslambda.streamifyResponse((event, stream) => {
  if (event.plain) return 5
  if (event.destroy) return (async () => { stream.write('a'); stream.destroy() })()
  return pipeline(Readable.from((function* () { yield 'a'; throw new RangeError('broke') })()), stream)
})`,
      })
      const types = async (event: string) => JSON.parse((await streamed(host, event)).at(-1)?.text ?? '').errorType
      expect(await types('{}')).toBe('RangeError')
      expect(await types('{"destroy":1}')).toBe('Runtime.TruncatedResponse')
      expect(await types('{"plain":1}')).toBe('Runtime.InvalidStreamingOperation')
    })

    test('an answer that ends while the handler still works ends with the handler', async () => {
      await using host = await ready(
        'index.handler',
        handler('stream.end("a"); await new Promise((done) => setTimeout(done, 30)); console.log("after")'),
      )
      host.invoke(id, '{}')
      const seen: number[] = []
      while (seen.at(-1) !== 25) seen.push((await host.next()).type)
      expect(seen).toEqual([23, 24, 21, 25])
    })
  })
})
