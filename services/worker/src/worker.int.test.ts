import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RunStatus } from '@weft/contracts/worker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DriverUnderTest, drivers } from './testing/drivers.ts'
import { freezeWatch } from './testing/freeze-watch.ts'
import { leftovers } from './testing/leftovers.ts'
import { TestWorker, testCredentials, testDataDir } from './testing/test-worker.ts'

const { RUN_STATUS_SUCCEEDED, RUN_STATUS_FUNCTION_ERROR, RUN_STATUS_NOT_STARTED } = RunStatus

describe.each(drivers)('over the $name driver', ({ name, prepare }) => {
  const isolated = name !== 'process'
  let data: ReturnType<typeof testDataDir>
  let host: Awaited<ReturnType<DriverUnderTest['prepare']>>
  let watch: ReturnType<typeof freezeWatch>
  let w: TestWorker
  beforeAll(async () => {
    data = testDataDir()
    host = await prepare()
    watch = freezeWatch(host.create(data.path))
    w = await TestWorker.start(watch.driver, data.path)
  })
  afterAll(async () => {
    await w[Symbol.asyncDispose]()
    expect(leftovers(data.path)).toEqual([])
    data.remove()
    await host[Symbol.asyncDispose]()
  })

  test('CommonJS, async: event, context, variables and log lines', async () => {
    const env = await w.environment(
      {
        'index.js': `
          exports.handler = async (event, context) => {
            console.log('hello', event.name)
            process.stdout.write('raw line\\n')
            return {
              event, id: context.awsRequestId, arn: context.invokedFunctionArn, memory: context.memoryLimitInMB,
              left: context.getRemainingTimeInMillis(), env: process.env, cwd: process.cwd(), client: context.clientContext,
            }
          }`,
      },
      { environment: { OWN: 'x', AWS_REGION: 'nowhere' } },
    )
    const requestId = randomUUID()
    const clientContext = Buffer.from('{"custom":{"a":"ö"}}').toString('base64')
    const result = await env.run(
      { name: 'Weft' },
      { requestId, clientContext, traceHeader: 'Root=1-2-3', logTail: true },
    )
    expect(result).toMatchObject({ status: RUN_STATUS_SUCCEEDED, sandboxLost: false })
    expect(result.initDurationMs).toBeGreaterThan(0)
    const answer = JSON.parse(result.payload.toString())
    expect(answer).toMatchObject({
      event: { name: 'Weft' },
      id: requestId,
      arn: 'arn:aws:lambda:us-east-1:000000000000:function:f:live',
      memory: '256',
      client: { custom: { a: 'ö' } },
      env: {
        ...{ OWN: 'x', AWS_REGION: 'us-east-1', _HANDLER: 'index.handler', TZ: ':UTC', LANG: 'en_US.UTF-8' },
        AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
        AWS_SESSION_TOKEN: testCredentials.sessionToken,
        AWS_LAMBDA_FUNCTION_NAME: 'f',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        _X_AMZN_TRACE_ID: 'Root=1-2-3',
      },
    })
    if (isolated) expect(answer.cwd).toBe('/var/task')
    expect(answer.left).toBeGreaterThan(5_000)
    expect(answer.left).toBeLessThanOrEqual(10_000)
    const lines = await w.linesOf(requestId)
    expect(lines[0]).toMatch(/^INIT_START Runtime Version: nodejs24\.x:[\d.]+\t/)
    expect(lines[1]).toBe(`START RequestId: ${requestId} Version: $LATEST`)
    expect(lines[2]).toMatch(new RegExp(`^[^\\t]+Z\\t${requestId}\\tINFO\\thello Weft$`))
    expect(lines).toContain('raw line')
    expect(lines.at(-2)).toBe(`END RequestId: ${requestId}`)
    expect(lines.at(-1)).toMatch(
      new RegExp(
        `^REPORT RequestId: ${requestId}\\tDuration: [\\d.]+ ms\\tBilled Duration: \\d+ ms\\tMemory Size: 256 MB\\tMax Memory Used: [1-9]\\d* MB\\tInit Duration: [\\d.]+ ms$`,
      ),
    )
    expect(result.logTail).toBe(`${lines.join('\n')}\n`)
    const record = w.records.find((r) => r.type === 'invocation' && r.requestId === requestId)
    expect(record).toMatchObject({
      status: 'success',
      coldStart: true,
      source: 'sync',
      memoryMb: 256,
      version: '$LATEST',
    })
    expect(w.logs.at(-1)?.logStream).toMatch(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/)
  })

  test('ES modules with top-level await, in folders; callbacks', async () => {
    const env = await w.environment(
      {
        'src/app.mjs': `const greeting = await Promise.resolve('hi'); export const api = { hello: async () => greeting }`,
      },
      { handler: 'src/app.api.hello' },
    )
    expect(await env.call()).toBe('hi')
    const callback = await w.environment({
      'index.js': `exports.handler = (event, context, callback) => setTimeout(() => callback(null, [event, 'late']), 5)`,
    })
    expect(await callback.call(7)).toEqual([7, 'late'])
    expect(await callback.call(8)).toEqual([8, 'late'])
  })

  test('Python: result, print, logging and exceptions', async () => {
    const env = await w.environment(
      {
        'app.py': `
import logging, os
def handler(event, context):
    print('printed')
    logging.getLogger().warning('warned')
    if event.get('fail'):
        raise ValueError('no good')
    return {'id': context.aws_request_id, 'who': os.environ['WHO'], 'name': context.function_name}
`,
      },
      { runtime: 'python3.11', handler: 'app.handler', environment: { WHO: 'me' } },
    )
    const requestId = randomUUID()
    expect(await env.call({}, { requestId })).toEqual({ id: requestId, who: 'me', name: 'f' })
    const lines = await w.linesOf(requestId)
    expect(lines).toContain('printed')
    expect(lines.some((line) => /^\[WARNING\]\t[^\t]+Z\t[0-9a-f-]{36}\twarned$/.test(line))).toBe(true)
    const failed = await env.run({ fail: true })
    expect(failed).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'ValueError', sandboxLost: false })
    expect(JSON.parse(failed.payload.toString())).toMatchObject({
      errorType: 'ValueError',
      errorMessage: 'no good',
      stackTrace: [expect.stringContaining('raise ValueError')],
    })
  })

  test('layers lie under /opt in their order, and every language finds what they bring', async () => {
    const first = w.layer({
      'nodejs/node_modules/greet/index.js': `exports.name = 'first'`,
      'nodejs/node_modules/only/index.js': `exports.name = 'only'`,
      'python/greet.py': `name = 'first'`,
      'bin/tool': '#!/bin/sh\necho tool\n',
      shadowed: 'first',
    })
    const second = w.layer({
      'nodejs/node_modules/greet/index.js': `exports.name = 'second'`,
      'python/lib/python3.11/site-packages/greet.py': `name = 'site-packages'`,
      shadowed: 'second',
    })
    const code = {
      'index.js': `
        const { execSync } = require('node:child_process'), fs = require('node:fs')
        const opt = process.env.PATH.split(':').at(-1).replace(/\\/bin$/, '')
        let write
        try { fs.writeFileSync(opt + '/x', ''); write = 'ok' } catch (error) { write = error.code }
        exports.handler = async () => ({
          greet: require('greet').name, only: require('only').name, tool: execSync('tool').toString().trim(),
          shadowed: fs.readFileSync(opt + '/shadowed', 'utf8'), write, opt,
        })`,
    }
    const expected = { greet: 'second', only: 'only', tool: 'tool', shadowed: 'second' }
    const env = await w.environment(code, { layers: [first, second] })
    const seen = await env.call()
    expect(seen).toMatchObject(expected)
    if (isolated) expect(seen).toMatchObject({ opt: '/opt', write: 'EROFS' })
    // Once more with what is there already, which is bound when the sandbox is made; and in the other order.
    expect(await (await w.environment(code, { layers: [first, second] })).call()).toMatchObject(expected)
    const other = await w.environment(code, { layers: [second, first] })
    expect(await other.call()).toMatchObject({ greet: 'first', shadowed: 'first' })
    const python = await w.environment(
      { 'app.py': 'import greet\ndef handler(event, context): return greet.name' },
      { layers: [first, second], runtime: 'python3.11', handler: 'app.handler' },
    )
    expect(await python.call()).toBe('site-packages')
    const custom = await w.environment(
      { other: '' },
      { layers: [w.layer({ bootstrap: customRuntime })], runtime: 'provided.al2023' },
    )
    expect(await custom.call({ a: 1 })).toMatchObject({ got: { a: 1 } })
    const missing = { arn: '', digest: '0'.repeat(64), sizeBytes: 0n }
    await expect(w.environment(code, { layers: [first, missing] })).rejects.toThrow('no package')
  })

  test('an environment serves again, keeps /tmp and memory, and thaws after a pause', async () => {
    const env = await w.environment({
      'index.js': `
        const fs = require('node:fs'), path = require('node:os').tmpdir() + '/count'
        let count = 0
        exports.handler = async () => {
          const onDisk = fs.existsSync(path) ? Number(fs.readFileSync(path, 'utf8')) : 0
          fs.writeFileSync(path, String(onDisk + 1))
          return [++count, onDisk + 1]
        }`,
    })
    expect(await env.call()).toEqual([1, 1])
    const frozen = watch.nextFreeze()
    const second = await env.run({})
    expect(JSON.parse(second.payload.toString())).toEqual([2, 2])
    expect(second.initDurationMs).toBe(0)
    await frozen
    expect(await env.call()).toEqual([3, 3])
  })

  test('errors: thrown, rejected later, handler missing, module missing, syntax', async () => {
    const env = await w.environment({
      'index.js': `exports.handler = async () => { throw Object.assign(new TypeError('wrong'), { code: 1 }) }`,
    })
    const thrown = await env.run({})
    expect(thrown).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'TypeError', sandboxLost: false })
    expect(JSON.parse(thrown.payload.toString())).toMatchObject({ errorType: 'TypeError', errorMessage: 'wrong' })
    const stray = await w.environment({
      'index.js': `exports.handler = () => new Promise(() => { Promise.reject(new Error('stray')) })`,
    })
    const rejected = await stray.run({})
    expect(rejected).toMatchObject({ detail: 'Runtime.UnhandledPromiseRejection', sandboxLost: false })
    for (const [files, handler, errorType] of [
      [{ 'index.js': '' }, 'index.missing', 'Runtime.HandlerNotFound'],
      [{ 'index.js': '' }, 'other.handler', 'Runtime.ImportModuleError'],
      [{ 'index.js': 'exports.handler = (' }, 'index.handler', 'Runtime.UserCodeSyntaxError'],
    ] as const) {
      const broken = await w.environment(files, { handler })
      const requestId = randomUUID()
      const result = await broken.run({}, { requestId })
      expect(result).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: errorType, sandboxLost: false })
      expect(result.initDurationMs).toBe(0)
      const lines = await w.linesOf(requestId)
      const reports = lines.filter((line) => line.startsWith('INIT_REPORT Init Duration: '))
      expect(reports.map((line) => line.split('\t').slice(1))).toEqual(
        ['init', 'invoke'].map((phase) => [`Phase: ${phase}`, 'Status: error', `Error Type: ${errorType}`]),
      )
      expect(lines.at(-1)).toContain(`\tStatus: error\tError Type: ${errorType}`)
    }
  })

  test('a timeout is told as AWS tells it; memory is lost, /tmp stays, and the next call initialises in its own time', async () => {
    const env = await w.environment(
      {
        'index.js': `
          const fs = require('node:fs'), path = require('node:os').tmpdir() + '/mark'
          let count = 0
          exports.handler = async (event) => {
            const had = fs.existsSync(path)
            fs.writeFileSync(path, '')
            count += 1
            if (event.spin) for (;;);
            return { had, count }
          }`,
      },
      { timeoutMs: 3_000 },
    )
    const requestId = randomUUID()
    const result = await env.run({ spin: true }, { requestId })
    expect(result).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'Sandbox.Timedout', sandboxLost: false })
    expect(JSON.parse(result.payload.toString())).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${requestId} Error: Task timed out after 3.00 seconds`,
    })
    expect((await w.linesOf(requestId)).at(-1)).toContain('\tStatus: timeout')
    const next = await env.run({})
    expect(JSON.parse(next.payload.toString())).toEqual({ had: true, count: 1 })
    expect(next.initDurationMs).toBe(0)
  })

  if (name === 'oci')
    test('a function that initialises for too long is tried once more, within its timeout', async () => {
      const env = await w.environment(
        { 'index.js': `console.log('init'); const end = Date.now() + 60_000; while (Date.now() < end);` },
        { timeoutMs: 1_000 },
      )
      const requestId = randomUUID()
      const result = await env.run({}, { requestId })
      expect(result).toMatchObject({ detail: 'Sandbox.Timedout', durationMs: 1_000, sandboxLost: false })
      const lines = await w.linesOf(requestId)
      expect(
        lines.some((line) => /^INIT_REPORT Init Duration: 1\d{4}\.\d\d ms\tPhase: init\tStatus: timeout$/.test(line)),
      ).toBe(true)
      expect(lines.filter((line) => line.startsWith('INIT_START'))).toHaveLength(2)
      expect(lines.some((line) => line.endsWith('\tPhase: invoke\tStatus: timeout'))).toBe(true)
    })

  const endings: (readonly [code: string, message: string])[] = [
    ['process.exit(0)', 'Runtime exited without providing a reason'],
    ['process.exit(127)', 'Runtime exited with error: exit status 127'],
    // The first process of a pid namespace cannot be killed from inside.
    ...(isolated
      ? []
      : [['process.kill(process.pid, "SIGKILL")', 'Runtime exited with error: signal: killed'] as const]),
  ]
  test.each(endings)('%s is told, and the environment begins anew', async (code, message) => {
    const env = await w.environment({
      'index.js': `let count = 0; exports.handler = async (event) => { count += 1; if (event.live) return count; ${code} }`,
    })
    const requestId = randomUUID()
    const result = await env.run({}, { requestId })
    expect(result).toMatchObject({ detail: 'Runtime.ExitError', sandboxLost: false })
    expect(JSON.parse(result.payload.toString())).toEqual({
      errorType: 'Runtime.ExitError',
      errorMessage: `RequestId: ${requestId} Error: ${message}`,
    })
    expect(await env.call({ live: true })).toBe(1)
  })

  if (isolated)
    test('running out of memory is told, and the environment begins anew', async () => {
      const env = await w.environment(
        {
          'index.js': `
            exports.handler = async (event) => { if (event.live) return 1; const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1)) }`,
        },
        { memoryMb: 128 },
      )
      const result = await env.run({})
      expect(result).toMatchObject({ detail: 'Runtime.OutOfMemory', sandboxLost: false })
      expect(await env.call({ live: true })).toBe(1)
    })

  if (name === 'oci')
    test('running out of memory in a child process ends the environment after the answer', async () => {
      const env = await w.environment(
        {
          'index.js': `
          const { spawnSync } = require('node:child_process')
          exports.handler = async () => spawnSync('/usr/bin/python3', ['-c', 'x = bytearray(400 << 20)']).signal`,
        },
        { memoryMb: 128 },
      )
      expect(await env.call()).toBe('SIGKILL')
      expect(await w.gone(env.sandboxId)).toMatchObject({ value: { reason: 'out of memory' } })
    })

  test('a response above the limit is an error, and the environment lives on', async () => {
    const env = await w.environment({
      'index.js': `exports.handler = async (event) => 'x'.repeat(event.bytes - 2)`,
    })
    const whole = await env.run({ bytes: 6_291_556 })
    expect(whole).toMatchObject({ status: RUN_STATUS_SUCCEEDED })
    expect(whole.payload.length).toBe(6_291_556)
    const large = await env.run({ bytes: 6_291_557 })
    expect(large).toMatchObject({ detail: 'Function.ResponseSizeTooLarge', sandboxLost: false })
    expect(JSON.parse(large.payload.toString())).toEqual({
      errorMessage: 'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
      errorType: 'Function.ResponseSizeTooLarge',
    })
    expect(await env.call({ bytes: 3 })).toBe('x')
  })

  test('a runtime that breaks the protocol ends alone', async () => {
    const env = await w.environment({
      'index.js': `
        exports.handler = async () => {
          const sockets = process.getActiveResourcesInfo && process._getActiveHandles().filter((h) => h.constructor.name === 'Socket' && h.write && !h.fd)
          for (const socket of sockets) socket.write(Buffer.from([0, 0, 0, 1, 99]))
          await new Promise(() => {})
        }`,
    })
    expect(await env.run({})).toMatchObject({
      status: RUN_STATUS_FUNCTION_ERROR,
      sandboxLost: false,
      detail: 'Runtime.Unknown',
    })
  })

  test('a flood of lines is cut and counted, and the answer comes all the same', async () => {
    const env = await w.environment({
      'index.js': `
        const line = 'x'.repeat(1000)
        exports.handler = async () => { for (let i = 0; i < 8000; i++) console.log(line); return 'done' }`,
    })
    const requestId = randomUUID()
    expect(await env.call({}, { requestId })).toBe('done')
    const lines = await w.linesOf(requestId)
    expect(lines.length).toBeLessThan(5_000)
    expect(lines.find((line) => line.startsWith('LOGS DROPPED'))).toMatch(/^LOGS DROPPED: [34]\d{3} lines of \d+ bytes/)
  })

  test('a flood through the pipes of a custom runtime holds it back, and the answer comes all the same', async () => {
    const flood = `#!/usr/bin/python3
import http.client, os, sys
host = os.environ['AWS_LAMBDA_RUNTIME_API']
while True:
    connection = http.client.HTTPConnection(host)
    connection.request('GET', '/2018-06-01/runtime/invocation/next')
    answer = connection.getresponse(); answer.read()
    for _ in range(200): os.write(1, b'x' * 999 + b'\\n' + b'y' * 64_000)
    connection.request('POST', '/2018-06-01/runtime/invocation/' + answer.headers['Lambda-Runtime-Aws-Request-Id'] + '/response', '"done"')
    connection.getresponse().read()
`
    const env = await w.environment({ bootstrap: flood }, { runtime: 'provided.al2023', timeoutMs: 60_000 })
    const requestId = randomUUID()
    expect(await env.call({}, { requestId })).toBe('done')
    const lines = await w.linesOf(requestId)
    expect(lines.some((line) => line.startsWith('LOGS DROPPED'))).toBe(true)
  })

  test('custom runtimes speak the Runtime API', async () => {
    const env = await w.environment({ bootstrap: customRuntime }, { runtime: 'provided.al2023', handler: 'main' })
    const requestId = randomUUID()
    expect(await env.call({ a: 1 }, { requestId })).toEqual({ got: { a: 1 }, id: requestId, handler: 'main' })
    expect(await w.linesOf(requestId)).toContain(`serving ${requestId}`)
    expect(await env.call({ a: 2 })).toMatchObject({ got: { a: 2 } })
    const failed = await env.run({ fail: true })
    expect(failed).toMatchObject({ detail: 'Own.Error', sandboxLost: false })
    expect(await env.call({ probe: true })).toEqual({ wrongId: 400, outOfTurn: 403, unknown: 404 })
    const exit = await env.run({ exit: 3 })
    expect(exit).toMatchObject({ detail: 'Runtime.ExitError', sandboxLost: false })
    expect(exit.payload.toString()).toContain('exit status 3')
    expect(await env.call({ a: 3 })).toMatchObject({ got: { a: 3 } })
    const none = await w.environment({ other: '' }, { runtime: 'provided.al2023', handler: 'x' })
    expect(await none.run({})).toMatchObject({ detail: 'Runtime.InvalidEntrypoint', sandboxLost: false })
  })

  test('functions reach the fabric back, and nothing else', async () => {
    const door = createServer((request, response) => response.end(`${request.method} ${request.url}`)).listen(
      0,
      '127.0.0.1',
    )
    await new Promise((resolve) => door.once('listening', resolve))
    const { port } = door.address() as AddressInfo
    const own = testDataDir()
    const callbackAddress = { host: '127.0.0.1', port }
    const worker = await TestWorker.start(host.create(own.path), own.path, { stemsPerRuntime: 0 }, { callbackAddress })
    try {
      const env = await worker.environment({
        'index.js': `
          const get = (url) => fetch(url, { signal: AbortSignal.timeout(2000) }).then((r) => r.text(), (e) => e.cause?.code ?? e.name)
          exports.handler = async ({ port }) => [
            await get(process.env.AWS_ENDPOINT_URL + '/here'),
            await get('http://127.0.0.1:' + port + '/direct'), await get('http://192.0.2.1/'),
          ]`,
      })
      const [back, direct, out] = (await env.call({ port })) as string[]
      expect(back).toBe('GET /here')
      if (isolated) expect([direct, out]).toEqual(['ECONNREFUSED', 'ENETUNREACH'])
    } finally {
      await worker[Symbol.asyncDispose]()
      door.close()
      door.closeAllConnections()
      own.remove()
    }
  })

  if (isolated)
    test('a function is nobody, and its code read-only', async () => {
      const env = await w.environment({
        'index.js': `
        const fs = require('node:fs')
        const attempt = (f) => { try { f(); return 'done' } catch (e) { return e.code } }
        exports.handler = async () => ({
          uid: process.getuid(), gid: process.getgid(), pid: process.pid,
          task: attempt(() => fs.writeFileSync('/var/task/x', '')), root: attempt(() => fs.writeFileSync('/x', '')),
          usr: attempt(() => fs.writeFileSync('/usr/x', '')), run: attempt(() => fs.writeFileSync('/run/weft/x', '')),
          status: fs.readFileSync('/proc/self/status', 'utf8'), net: fs.readdirSync('/sys/class/net'),
        })`,
      })
      const seen = (await env.call()) as { uid: number; status: string }
      expect(seen).toMatchObject({ pid: 1, net: ['lo'], task: 'EROFS', root: 'EROFS', usr: 'EROFS', run: 'EROFS' })
      expect(seen.uid).toBeGreaterThan(0)
      expect(seen.status).toMatch(/CapEff:\t0+\n/)
      expect(seen.status).toMatch(/NoNewPrivs:\t1\n/)
      expect(seen.status).toMatch(/Seccomp:\t2\n/)
    })

  test('leases are fenced: stale, ended and busy are refused as not started', async () => {
    const env = await w.environment({
      'index.js': `exports.handler = (event) => new Promise((resolve) => setTimeout(resolve, event.ms, 'done'))`,
    })
    const { sandboxId } = env
    const [first, second, third] = [w.nextLease(), w.nextLease(), w.nextLease()]
    expect(await w.run({ sandboxId })).toMatchObject({ status: RUN_STATUS_NOT_STARTED })
    expect(await env.run({ ms: 0 }, { lease: second })).toMatchObject({ status: RUN_STATUS_SUCCEEDED })
    expect(await env.run({ ms: 0 }, { lease: first })).toMatchObject({ status: RUN_STATUS_NOT_STARTED })
    const long = env.run({ ms: 300 }, { lease: second })
    expect(await env.run({ ms: 0 }, { lease: second })).toMatchObject({ detail: 'the sandbox is busy' })
    w.send({ $case: 'endLease', value: { sandboxId, id: second } })
    expect(await long).toMatchObject({ status: RUN_STATUS_SUCCEEDED })
    await w.hears((frame) => frame.$case === 'leaseEnded' && frame.value.sandboxId === sandboxId)
    expect(await env.run({ ms: 0 }, { lease: second })).toMatchObject({ detail: 'the lease is stale' })
    expect(await env.run({ ms: 0 }, { lease: third })).toMatchObject({ status: RUN_STATUS_SUCCEEDED })
    w.send({ $case: 'stop', value: { epoch: 0n, sandboxId, reason: 'an old leader' } })
    expect(await env.run({ ms: 0 }, { lease: third })).toMatchObject({ status: RUN_STATUS_SUCCEEDED })
    w.send({ $case: 'stop', value: { epoch: 1n, sandboxId, reason: 'enough' } })
    await w.gone(sandboxId)
  })

  test('a start that cannot be is told: no memory, no package, no such runtime', async () => {
    const files = { 'index.js': 'exports.handler = async () => 1' }
    w.startSandbox('big', files, { memoryMb: 10_000 })
    const failed = (id: string) => w.hears((frame) => frame.$case === 'failed' && frame.value.sandboxId === id)
    expect(await failed('big')).toMatchObject({ value: { noCapacity: true } })
    w.startSandbox('codeless', files, { codeDigest: '0'.repeat(64) })
    expect(await failed('codeless')).toMatchObject({ value: { noCapacity: false } })
    w.startSandbox('cobol', files, { runtime: 'cobol' })
    expect(await failed('cobol')).toMatchObject({ value: { reason: 'this worker does not offer cobol' } })
  })

  test('environments that are unused for too long go, and the longest unused go for others', async () => {
    const own = testDataDir()
    const config = { stemsPerRuntime: 0, memoryMb: 600, idleMs: 1_000 }
    const worker = await TestWorker.start(host.create(own.path), own.path, config)
    try {
      const files = { 'index.js': 'exports.handler = async () => 1' }
      const oldest = await worker.environment(files)
      const newer = await worker.environment(files)
      await oldest.call()
      await newer.call()
      const third = await worker.environment(files)
      expect(await worker.gone(oldest.sandboxId)).toMatchObject({ value: { reason: 'memory is needed for others' } })
      expect(await third.call()).toBe(1)
      for (const { sandboxId } of [newer, third])
        expect(await worker.gone(sandboxId)).toMatchObject({ value: { reason: 'unused for too long' } })
    } finally {
      await worker[Symbol.asyncDispose]()
      own.remove()
    }
  })

  test('what is set for the start of a runtime is there when it starts', async () => {
    const env = await w.environment(
      { 'index.js': 'exports.handler = async () => require("node:http").maxHeaderSize' },
      { environment: { NODE_OPTIONS: '--max-http-header-size=12345' } },
    )
    expect(await env.call()).toBe(12_345)
  })

  test('an environment that ends between invocations is gone, or begins anew in the next one', async () => {
    const env = await w.environment({
      'index.js': `exports.handler = async () => { setTimeout(() => process.exit(1), 20); return 1 }`,
    })
    expect(await env.call()).toBe(1)
    // It may be frozen before it gets to end itself; the next invocation thaws it.
    let result = await env.run({})
    while (result.status === RUN_STATUS_SUCCEEDED) result = await env.run({})
    if (result.status === RUN_STATUS_NOT_STARTED) await w.gone(env.sandboxId)
    else {
      expect(result).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'Runtime.ExitError' })
      expect(await env.call()).toBe(1)
    }
  })
})

const customRuntime = `#!/usr/bin/python3
import http.client, json, os, sys
host = os.environ['AWS_LAMBDA_RUNTIME_API']
def ask(method, path, body=None):
    connection = http.client.HTTPConnection(host)
    connection.request(method, '/2018-06-01/runtime/' + path, body)
    answer = connection.getresponse()
    return answer, answer.read()
while True:
    answer, body = ask('GET', 'invocation/next')
    request_id = answer.headers['Lambda-Runtime-Aws-Request-Id']
    event = json.loads(body)
    print('serving', request_id, flush=True)
    if event.get('fail'):
        ask('POST', f'invocation/{request_id}/error', json.dumps({'errorType': 'Own.Error', 'errorMessage': 'x'}))
    elif event.get('exit'):
        sys.exit(event['exit'])
    elif event.get('probe'):
        result = {
            'wrongId': ask('POST', 'invocation/nobody/response', '1')[0].status,
            'outOfTurn': ask('GET', 'invocation/next')[0].status,
            'unknown': ask('GET', 'elsewhere')[0].status,
        }
        ask('POST', f'invocation/{request_id}/response', json.dumps(result))
    else:
        result = {'got': event, 'id': request_id, 'handler': os.environ['_HANDLER']}
        ask('POST', f'invocation/{request_id}/response', json.dumps(result))
`
