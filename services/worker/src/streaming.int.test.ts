import { randomUUID } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '@weft/contracts'
import { type ResultFrame, type RunFrame, RunInvocation, type RunResult, RunStatus } from '@weft/contracts/worker'
import { memoryChannelPair } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createProcessDriver } from './process-driver.ts'
import { type TestEnvironment, TestWorker, testDataDir } from './testing/test-worker.ts'

const { RUN_STATUS_SUCCEEDED, RUN_STATUS_FUNCTION_ERROR } = RunStatus
const windowBytes = 256 * 1024
/** What one read from a runtime may bring beyond the window. */
const readBytes = 256 * 1024
const pace = { burstBytes: 32 * 1024 * 1024, bytesPerSecond: 32 * 1024 * 1024 }

let data: ReturnType<typeof testDataDir>
let w: TestWorker
beforeAll(async () => {
  data = testDataDir()
  w = await TestWorker.start(createProcessDriver({ dataDir: data.path }), data.path, { streamPace: pace })
})
afterAll(async () => {
  await w[Symbol.asyncDispose]()
  data.remove()
})

const streaming = (body: string, spec: Parameters<TestWorker['environment']>[1] = {}) =>
  w.environment(
    {
      'index.mjs': `import { existsSync } from 'node:fs'
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const write = (part) => new Promise((done) => stream.write(part, done))
  ${body}
  stream.end()
})`,
    },
    spec,
  )

type Credit = (bytes: number, discard?: boolean) => void
interface Streamed {
  readonly requestId: string
  readonly result: RunResult
  readonly contentType: string | undefined
  readonly text: string
}

/** Runs with a window; `onChunk` may give credit, by default for all that comes. */
async function stream(
  env: TestEnvironment,
  event: unknown,
  onChunk: (data: Buffer, credit: Credit) => void = (chunk, credit) => credit(chunk.length),
): Promise<Streamed> {
  const parts: Buffer[] = []
  let contentType: string | undefined
  const requestId = randomUUID()
  const invocation = env.invocation(event, { requestId, answerWindowBytes: windowBytes })
  const result = await w.stream(invocation, (frame, credit) => {
    if (frame.$case === 'begin') contentType = frame.value.contentType
    else {
      parts.push(frame.value.data)
      onChunk(frame.value.data, credit)
    }
  })
  return { requestId, result, contentType, text: Buffer.concat(parts).toString() }
}

test('parts arrive while the function still works', async () => {
  const env = await streaming(`await write('first')
    while (!existsSync(event.go)) await new Promise((done) => setTimeout(done, 5))
    await write('second')`)
  const go = join(data.path, `go-${randomUUID()}`)
  const { result, contentType, text } = await stream(env, { go }, () => writeFileSync(go, ''))
  expect(existsSync(go)).toBe(true)
  expect(result).toMatchObject({ status: RUN_STATUS_SUCCEEDED, sandboxLost: false })
  expect(result.payload).toHaveLength(0)
  expect([contentType, text]).toEqual(['application/octet-stream', 'firstsecond'])
})

test('a reader that gives no credit stalls the function and nothing else', async () => {
  const env = await streaming('for (let i = 0; i < 64; i++) await write("x".repeat(65_536))', { timeoutMs: 2_000 })
  const stalled = await stream(env, {}, () => undefined)
  expect(stalled.result).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'Sandbox.Timedout' })
  expect(stalled.text.length).toBeGreaterThanOrEqual(windowBytes)
  expect(stalled.text.length).toBeLessThanOrEqual(windowBytes + readBytes)
})

test('a reader that gives credit gets everything, and one that has gone holds nothing back', async () => {
  const env = await streaming('for (let i = 0; i < 64; i++) await write("x".repeat(65_536))')
  const whole = await stream(env, {})
  expect(whole.result.status).toBe(RUN_STATUS_SUCCEEDED)
  expect(whole.text).toHaveLength(64 * 65_536)
  const gone = await stream(env, {}, (_chunk, credit) => credit(0, true))
  expect(gone.result.status).toBe(RUN_STATUS_SUCCEEDED)
  expect(gone.text.length).toBeLessThanOrEqual(windowBytes)
  const { requestId } = gone
  await w.linesOf(requestId)
  const record = w.records.find((one) => one.type === 'invocation' && one.requestId === requestId)
  expect(record).toMatchObject({ status: 'success', responseBytes: 64 * 65_536 })
})

test('a dispatcher that goes away in mid stream holds nothing back', async () => {
  const env = await streaming('for (let i = 0; i < 64; i++) await write("x".repeat(65_536))')
  const [near, far] = memoryChannelPair<ResultFrame, RunFrame>()
  w.worker.acceptDispatcher(far)
  const requestId = randomUUID()
  const invocation = env.invocation({}, { requestId, answerWindowBytes: windowBytes, seq: 1n, attempt: 1 })
  near.receive(({ frame }) => {
    if (frame?.$case === 'chunk') near.close()
  })
  const value = { ...RunInvocation.fromPartial({}), ...invocation }
  near.send({ frame: { $case: 'invoke', value } })
  const lines = await w.linesOf(requestId)
  expect(lines.at(-1)).not.toContain('Status: timeout')
})

test('beyond its burst a function streams at its rate', async () => {
  const slow = await TestWorker.start(createProcessDriver({ dataDir: data.path }), data.path, {
    streamPace: { burstBytes: 64 * 1024, bytesPerSecond: 512 * 1024 },
  })
  try {
    const env = await slow.environment({
      'index.mjs':
        'export const handler = awslambda.streamifyResponse(async (event, stream) => { stream.end("x".repeat(320 * 1024)) })',
    })
    const invocation = env.invocation({}, { answerWindowBytes: windowBytes })
    const result = await slow.stream(invocation, (frame, credit) => {
      if (frame.$case === 'chunk') credit(frame.value.data.length)
    })
    // 256 KiB beyond the burst; the last read of the sandbox's socket is not waited for.
    expect(result.durationMs).toBeGreaterThan(200)
    const unread = await slow.environment(
      {
        'index.mjs':
          'export const handler = awslambda.streamifyResponse(async (event, stream) => { stream.end("x".repeat(8 * 1024 * 1024)) })',
      },
      { timeoutMs: 8_000 },
    )
    // At its rate it would take 16 s.
    const gone = await slow.stream(unread.invocation({}, { answerWindowBytes: windowBytes }), (_frame, credit) =>
      credit(0, true),
    )
    expect(gone.status).toBe(RUN_STATUS_SUCCEEDED)
  } finally {
    await slow[Symbol.asyncDispose]()
  }
})

test('an answer that is wanted whole is collected, up to the limit of whole answers', async () => {
  const env = await streaming('for (let i = 0; i < event.parts; i++) await write("x".repeat(65_536))')
  const result = await env.run({ parts: 3 })
  expect(result.status).toBe(RUN_STATUS_SUCCEEDED)
  expect(result.payload).toHaveLength(3 * 65_536)
  const tooMuch = await env.run({ parts: 200 })
  expect(tooMuch).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, detail: 'Function.ResponseSizeTooLarge' })
  expect(JSON.parse(tooMuch.payload.toString()).errorMessage).toContain(`(${limits.syncResponseBytes} bytes)`)
})

test('a function that answers whole gives one answer to who would take parts', async () => {
  const env = await w.environment({ 'index.mjs': 'export const handler = async () => ({ a: 1 })' })
  const { result, contentType, text } = await stream(env, {})
  expect([result.payload.toString(), contentType, text]).toEqual(['{"a":1}', undefined, ''])
})

test('errors, crashes and timeouts in mid stream come after what was streamed', async () => {
  const code = `await write('part')
    if (event.how === 'throw') throw new RangeError('late')
    if (event.how === 'exit') process.exit(3)
    if (event.how === 'uncaught') setTimeout(() => { throw new TypeError('loose') })
    await new Promise(() => setInterval(() => {}, 1_000))`
  const endOf = async (how: string) => {
    const { result, text } = await stream(await streaming(code, { timeoutMs: 1_000 }), { how })
    expect([result.status, text]).toEqual([RUN_STATUS_FUNCTION_ERROR, 'part'])
    return [JSON.parse(result.payload.toString()).errorType, result.sandboxLost]
  }
  expect(await endOf('throw')).toEqual(['RangeError', false])
  expect(await endOf('exit')).toEqual(['Runtime.ExitError', false])
  expect(await endOf('uncaught')).toEqual(['TypeError', false])
  expect(await endOf('sleep')).toEqual(['Sandbox.Timedout', false])
})

test('a custom runtime streams through the Runtime API, with trailers for errors', async () => {
  const env = await w.environment(
    { bootstrap: customRuntime },
    {
      ...{ runtime: 'provided.al2023', handler: 'x', timeoutMs: 3_000 },
    },
  )
  const fine = await stream(env, { parts: 40 })
  expect(fine.result.status).toBe(RUN_STATUS_SUCCEEDED)
  expect(fine.contentType).toBe('text/html')
  expect(fine.text).toBe('p'.repeat(40 * 10_000))
  const failed = await stream(env, { parts: 1, error: { errorType: 'Function.Sad', errorMessage: 'so' } })
  expect(failed.text).toHaveLength(10_000)
  expect(failed.result).toMatchObject({ status: RUN_STATUS_FUNCTION_ERROR, sandboxLost: false })
  expect(JSON.parse(failed.result.payload.toString())).toEqual({ errorType: 'Function.Sad', errorMessage: 'so' })
  const cut = await stream(env, { parts: 1, cut: true })
  expect(JSON.parse(cut.result.payload.toString()).errorType).toBe('Runtime.TruncatedResponse')
  expect((await env.run({ parts: 2 })).payload).toHaveLength(20_000)
  const unread = await stream(env, { parts: 200 }, () => undefined)
  expect(unread.result.detail).toBe('Sandbox.Timedout')
  expect(unread.text.length).toBeLessThanOrEqual(windowBytes + readBytes)
})

const customRuntime = `#!/usr/bin/python3
import base64, http.client, json, os, socket
host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
def next_invocation():
    connection = http.client.HTTPConnection(host, int(port))
    connection.request('GET', '/2018-06-01/runtime/invocation/next')
    answer = connection.getresponse()
    return answer.headers['Lambda-Runtime-Aws-Request-Id'], json.loads(answer.read())
while True:
    request_id, event = next_invocation()
    s = socket.create_connection((host, int(port)))
    s.sendall((
        f'POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\\r\\nHost: {host}\\r\\n'
        'Content-Type: text/html\\r\\nLambda-Runtime-Function-Response-Mode: streaming\\r\\n'
        'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\\r\\n'
        'Transfer-Encoding: chunked\\r\\n\\r\\n').encode())
    for _ in range(event['parts']):
        s.sendall(b'2710\\r\\n' + b'p' * 10000 + b'\\r\\n')
    if event.get('cut'):
        s.close()
        continue
    trailers = ''
    if 'error' in event:
        body = base64.b64encode(json.dumps(event['error']).encode()).decode()
        trailers = (f"Lambda-Runtime-Function-Error-Type: {event['error']['errorType']}\\r\\n"
                    f'Lambda-Runtime-Function-Error-Body: {body}\\r\\n')
    s.sendall(f'0\\r\\n{trailers}\\r\\n'.encode())
    answer = s.recv(4096)
    assert answer.startswith(b'HTTP/1.1 202'), answer
    s.close()
`
