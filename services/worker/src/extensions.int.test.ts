import { randomUUID } from 'node:crypto'
import { RunStatus } from '@weft/contracts/worker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DriverUnderTest, drivers } from './testing/drivers.ts'
import { extensionProgram, nodeExtension, shellExtension } from './testing/extension-program.ts'
import { TestWorker, testDataDir } from './testing/test-worker.ts'

const { RUN_STATUS_SUCCEEDED, RUN_STATUS_FUNCTION_ERROR } = RunStatus

interface Told {
  readonly who: string
  readonly event?: { readonly eventType: string; readonly requestId?: string; readonly shutdownReason?: string }
  readonly [key: string]: unknown
}

/** Answers what the extensions and the telemetry have told so far; sleeps, crashes or spins when told to. */
const code = {
  'index.js': `
    const fs = require('node:fs'), dir = require('node:os').tmpdir()
    const lines = (name) => fs.existsSync(dir + '/' + name)
      ? fs.readFileSync(dir + '/' + name, 'utf8').split('\\n').filter(Boolean).map((line) => JSON.parse(line)) : []
    console.log('initialised after', lines('told').filter((line) => line.starting).length, 'extensions')
    exports.handler = async (event) => {
      console.log('the function speaks')
      if (event.exit !== undefined) process.exit(event.exit)
      if (event.spin) for (;;);
      return { told: lines('told'), telemetry: lines('telemetry') }
    }`,
}

describe.each(drivers)('extensions over the $name driver', ({ name, prepare }) => {
  let data: ReturnType<typeof testDataDir>
  let host: Awaited<ReturnType<DriverUnderTest['prepare']>>
  let w: TestWorker
  let port = 24_300
  beforeAll(async () => {
    data = testDataDir()
    host = await prepare()
    w = await TestWorker.start(host.create(data.path), data.path)
  })
  afterAll(async () => {
    await w[Symbol.asyncDispose]()
    data.remove()
    await host[Symbol.asyncDispose]()
  })
  const withExtension = (environment: Readonly<Record<string, string>> = {}, more = {}) =>
    w.environment(code, {
      layers: [w.layer({ 'extensions/watcher': extensionProgram })],
      // Without namespaces of their own, sandboxes share the ports.
      environment: { PORT: `${port++}`, ...environment },
      ...more,
    })
  /** On a slow machine the first answer may be that there was no time for one. */
  const toldIn = async (env: { call(event?: unknown): Promise<unknown> }): Promise<readonly Told[]> => {
    for (;;) {
      const { told } = (await env.call()) as { told?: Told[] }
      if (told) return told
    }
  }

  test('an external extension starts before the runtime, hears of every invocation and logs', async () => {
    const env = await withExtension()
    const [first, second] = [randomUUID(), randomUUID()]
    expect((await env.run({}, { requestId: first })).status).toBe(RUN_STATUS_SUCCEEDED)
    const told = ((await env.call({}, { requestId: second })) as { told: Told[] }).told
    const registration = told[1]
    expect(registration).toMatchObject({
      who: 'watcher',
      registered: {
        ...{ functionName: 'f', functionVersion: '$LATEST', handler: 'index.handler', accountId: '000000000000' },
      },
    })
    expect(registration?.env).toContain('AWS_SESSION_TOKEN')
    expect(registration?.env).not.toContain('_HANDLER')
    if (name !== 'process') expect(registration?.uid).toBeGreaterThan(0)
    expect(told[2]?.event).toMatchObject({
      ...{ eventType: 'INVOKE', requestId: first },
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f:live',
      tracing: { type: 'X-Amzn-Trace-Id', value: '' },
    })
    const lines = await w.linesOf(first)
    expect(lines).toContain('EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]')
    expect(lines.some((line) => line.endsWith('initialised after 1 extensions'))).toBe(true)
    expect(lines.some((line) => line.startsWith('{"who": "watcher", "registered"'))).toBe(true)
  })

  test('extensions in a shell and in Node.js, several beside each other', async () => {
    const env = await w.environment(code, {
      layers: [
        w.layer({ 'extensions/a-shell': shellExtension }),
        w.layer({ 'extensions/b-node': nodeExtension(name === 'process' ? process.execPath : '/var/lang/bin/node') }),
      ],
    })
    await env.call()
    const requestId = randomUUID()
    await env.call({}, { requestId })
    await env.call()
    const lines = w.logs.flatMap((batch) => batch.lines.map(({ message }) => message))
    expect(lines).toContain('node: INVOKE')
    expect(lines).toContain('shell: {"eventType":"INVOKE"')
  })

  test('the caller has its answer before the extensions are done; the run lasts until they are', async () => {
    const env = await withExtension({ SLEEP_MS: '400' })
    await env.call()
    const requestId = randomUUID()
    const quick = await env.run({}, { requestId })
    expect(quick.durationMs).toBeLessThan(400)
    // Comes at once after the answer, and waits for its turn.
    expect((await env.run({})).status).toBe(RUN_STATUS_SUCCEEDED)
    const report = (await w.linesOf(requestId)).at(-1) as string
    expect(Number(/\tDuration: ([\d.]+) ms/.exec(report)?.[1])).toBeGreaterThanOrEqual(400)
  })

  test('an extension that takes too long is a timeout of the run, and hears of it', async () => {
    const env = await withExtension({ SLEEP_MS: '2500' }, { timeoutMs: 2_000 })
    const requestId = randomUUID()
    expect((await env.run({}, { requestId })).status).toBe(RUN_STATUS_SUCCEEDED)
    expect((await w.linesOf(requestId)).at(-1)).toContain('\tStatus: timeout')
    const events = (await toldIn(env)).flatMap(({ event }) => (event ? [event] : []))
    const kinds = events.map(({ eventType, shutdownReason }) => shutdownReason ?? eventType)
    expect(kinds.slice(0, 2)).toEqual(['INVOKE', 'timeout'])
  })

  test('a crash of the runtime is told to extensions, which have time to end; /tmp shows it', async () => {
    const env = await withExtension()
    await env.call()
    const crashed = await env.run({ exit: 3 })
    expect(crashed).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'Runtime.ExitError' })
    expect(crashed.payload.toString()).toContain('exit status 3')
    const told = await toldIn(env)
    const kinds = told.map(({ event, bye }) => event?.shutdownReason ?? event?.eventType ?? bye)
    expect(kinds.filter((kind) => kind !== undefined).slice(0, 4)).toEqual(['INVOKE', 'INVOKE', 'failure', true])
    const spun = await withExtension({}, { timeoutMs: 3_000 })
    expect(await spun.run({ spin: true })).toMatchObject({ detail: 'Sandbox.Timedout' })
    expect((await toldIn(spun)).some(({ event }) => event?.shutdownReason === 'timeout')).toBe(true)
  })

  test('the end of an environment is told to extensions, runtime first', async () => {
    const env = await w.environment(
      {
        'index.js': `
          process.on('SIGTERM', () => { console.log('runtime: SIGTERM'); process.exit(0) })
          exports.handler = async () => 1`,
      },
      { layers: [w.layer({ 'extensions/last': extensionProgram })] },
    )
    const requestId = randomUUID()
    await env.call({}, { requestId })
    await w.linesOf(requestId)
    w.send({ $case: 'stop', value: { epoch: 1n, sandboxId: env.sandboxId, reason: 'enough' } })
    await w.gone(env.sandboxId)
    let said: readonly string[] = []
    while (!said.some((line) => line.includes('"bye"'))) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      said = w.logs
        .filter((batch) => batch.requestId === requestId)
        .flatMap((batch) => batch.lines.map((l) => l.message))
    }
    const at = (words: string): number => said.findIndex((line) => line.includes(words))
    expect(at('runtime: SIGTERM')).toBeGreaterThanOrEqual(0)
    expect(at('"shutdownReason": "spindown"')).toBeGreaterThan(at('runtime: SIGTERM'))
    expect(at('"bye"')).toBeGreaterThan(at('"shutdownReason": "spindown"'))
  })

  test('an extension that fails to start, to initialise, or later, fails the invocation', async () => {
    const broken = await w.environment(code, { layers: [w.layer({ 'extensions/none': '#!/no/such/program\n' })] })
    expect(await broken.run({})).toMatchObject({ detail: expect.stringMatching(/^Extension\.(LaunchError|Crash)$/) })
    const unlucky = await withExtension({ FAIL_INIT: '1' })
    const result = await unlucky.run({})
    expect(result).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'Extension.InitError' })
    expect(result.payload.toString()).toContain('Extension.NoLuck')
    const dying = await withExtension({ DIE_ON: 'INVOKE', SLEEP_MS: '0' })
    const requestId = randomUUID()
    await dying.run({}, { requestId })
    expect((await w.linesOf(requestId)).at(-1)).toContain('\tStatus: error\tError Type: Extension.Crash')
  })

  test('an internal extension registers from the runtime itself', async () => {
    const env = await w.environment({
      'index.mjs': `
        const base = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2020-01-01/extension/'
        const register = (name, events) => fetch(base + 'register', {
          method: 'POST', headers: { 'Lambda-Extension-Name': name }, body: JSON.stringify({ events }) })
        const refused = await (await register('greedy', ['SHUTDOWN'])).json()
        const id = (await register('inner', ['INVOKE'])).headers.get('lambda-extension-identifier')
        const seen = []
        const loop = async () => {
          for (;;) seen.push((await (await fetch(base + 'event/next', { headers: { 'Lambda-Extension-Identifier': id } })).json()).requestId)
        }
        loop()
        export const handler = async (event, context) => {
          while (!seen.includes(context.awsRequestId)) await new Promise((resolve) => setTimeout(resolve, 1))
          return { refused, late: (await register('late', ['INVOKE'])).status }
        }`,
    })
    expect(await env.call()).toMatchObject({
      refused: { errorType: 'Extension.ShutdownEventNotSupportedForInternalExtension' },
      late: 403,
    })
    expect((await env.run({})).status).toBe(RUN_STATUS_SUCCEEDED)
  })

  const subscription = (more: object = {}) =>
    JSON.stringify({
      ...{ schemaVersion: '2022-12-13', types: ['platform', 'function', 'extension'] },
      buffering: { timeoutMs: 25, maxItems: 1_000, maxBytes: 262_144 },
      destination: { protocol: 'HTTP', URI: `http://sandbox.localdomain:${port}/` },
      ...more,
    })

  test('the Telemetry API tells what happened, with what came before the subscription', async () => {
    const env = await withExtension({ SUBSCRIBE: subscription(), SLEEP_MS: '150' })
    const requestId = randomUUID()
    await env.call({}, { requestId })
    let seen: readonly { type: string; record: Record<string, unknown> | string }[] = []
    while (!seen.some(({ type }) => type === 'platform.report'))
      seen = ((await env.call()) as { telemetry: typeof seen }).telemetry
    const places = ['initStart', 'initRuntimeDone', 'initReport', 'start', 'runtimeDone', 'report'].map((type) =>
      seen.findIndex((event) => event.type === `platform.${type}`),
    )
    expect(places[0]).toBeGreaterThanOrEqual(0)
    expect(places).toEqual([...places].sort((x, y) => x - y))
    const recordOf = (type: string) => seen.find((event) => event.type === `platform.${type}`)?.record
    expect(recordOf('telemetrySubscription')).toEqual({
      ...{ name: 'watcher', state: 'Subscribed', types: ['platform', 'function', 'extension'] },
    })
    expect(recordOf('extension')).toEqual({ name: 'watcher', state: 'Ready', events: ['INVOKE', 'SHUTDOWN'] })
    expect(recordOf('runtimeDone')).toMatchObject({ requestId, status: 'success' })
    expect(recordOf('report')).toMatchObject({ requestId, status: 'success', metrics: { memorySizeMB: 256 } })
    const text = (type: string) => seen.filter((event) => event.type === type).map(({ record }) => record)
    expect(text('function').some((line) => `${line}`.endsWith('the function speaks'))).toBe(true)
    expect(text('extension').some((line) => `${line}`.includes('"registered"'))).toBe(true)
  })

  test('the Logs API tells what it always told', async () => {
    const old = { schemaVersion: '2020-08-15', types: ['platform'] }
    const env = await withExtension({ SUBSCRIBE: subscription(old), LOGS_API: '1', SLEEP_MS: '150' })
    let types: readonly string[] = []
    while (!types.includes('platform.report'))
      types = ((await env.call()) as { telemetry: { type: string }[] }).telemetry.map(({ type }) => type)
    expect(types).toContain('platform.logsSubscription')
    expect(types).toContain('platform.end')
    expect(types).not.toContain('platform.runtimeDone')
    expect(types).not.toContain('function')
  })

  test('telemetry reaches a TCP port too, a line for each event', async () => {
    const destination = { protocol: 'TCP', port }
    const env = await withExtension({ SUBSCRIBE: subscription({ destination }), TCP: '1', SLEEP_MS: '150' })
    let types: readonly string[] = []
    while (!types.includes('platform.report'))
      types = ((await env.call()) as { telemetry: { type: string }[] }).telemetry.map(({ type }) => type)
    expect(types).toContain('platform.initStart')
  })

  test('a subscription elsewhere than inside is refused', async () => {
    const destination = { protocol: 'HTTP', URI: 'http://169.254.169.254/' }
    const told = await toldIn(await withExtension({ SUBSCRIBE: subscription({ destination }) }))
    expect(told.find(({ subscribed }) => subscribed !== undefined)).toMatchObject({
      ...{ subscribed: 400, said: expect.stringContaining('ValidationError') },
    })
  })
})
