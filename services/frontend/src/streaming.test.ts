import type { IncomingMessage } from 'node:http'
import {
  CreateFunctionCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCommandInput,
  LambdaClient,
} from '@aws-sdk/client-lambda'
import type { InvokeCall, InvokeOutcome } from '@weft/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { echo, keys, rawRequest, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient

beforeAll(async () => {
  frontend = await startTestFrontend()
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
  const Code = { ZipFile: await zipOf() }
  const settings = { Role: role, Handler: 'index.handler', Runtime: 'nodejs24.x' } as const
  await client.send(new CreateFunctionCommand({ FunctionName: 'f', Code, ...settings }))
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})
beforeEach(() => {
  frontend.invoker.answer = echo
})

const succeeded: InvokeOutcome = { ...echoOutcome(), payload: Buffer.alloc(0) }
function echoOutcome(): Extract<InvokeOutcome, { kind: 'succeeded' | 'function-error' }> {
  const rest = { executedVersion: '$LATEST', errorType: '', logTail: 'START\n', durationMs: 1, initDurationMs: 0 }
  return { kind: 'succeeded', payload: Buffer.from('1'), ...rest }
}

/** Streams parts, each one when the last was taken. */
const streams =
  (parts: readonly string[], outcome: InvokeOutcome = succeeded) =>
  async ({ sink }: InvokeCall): Promise<InvokeOutcome> => {
    sink?.begin({ contentType: 'text/plain', executedVersion: '$LATEST' })
    for (const part of parts) await new Promise<void>((taken) => sink?.write(Buffer.from(part), taken))
    return outcome
  }

async function stream(input: Partial<InvokeWithResponseStreamCommandInput> = {}) {
  const command = new InvokeWithResponseStreamCommand({ FunctionName: 'f', ...input })
  const { EventStream, StatusCode, ExecutedVersion } = await client.send(command)
  const chunks: string[] = []
  let complete: object | undefined
  for await (const event of EventStream ?? []) {
    if (event.PayloadChunk) chunks.push(Buffer.from(event.PayloadChunk.Payload ?? []).toString())
    else complete = event.InvokeComplete
  }
  return { chunks, complete, StatusCode, ExecutedVersion }
}

describe('InvokeWithResponseStream', () => {
  it('gives a part as soon as the function does', async () => {
    const go = Promise.withResolvers<void>()
    frontend.invoker.answer = async (call) => {
      call.sink?.begin({ contentType: 'text/plain', executedVersion: '$LATEST' })
      call.sink?.write(Buffer.from('first'), () => undefined)
      await go.promise
      call.sink?.write(Buffer.from('second'), () => undefined)
      return succeeded
    }
    const command = new InvokeWithResponseStreamCommand({ FunctionName: 'f', Payload: Buffer.from('{"a":1}') })
    const { EventStream = [], ExecutedVersion } = await client.send(command)
    expect(ExecutedVersion).toBe('$LATEST')
    const got: string[] = []
    for await (const { PayloadChunk, InvokeComplete } of EventStream) {
      got.push(PayloadChunk ? Buffer.from(PayloadChunk.Payload ?? []).toString() : JSON.stringify(InvokeComplete))
      go.resolve()
    }
    expect(got).toEqual(['first', 'second', '{}'])
    expect(String(frontend.invoker.calls.at(-1)?.payload)).toBe('{"a":1}')
  })

  it('gives the answer of a function that does not stream as one chunk, and the log when asked for', async () => {
    expect(await stream({ Payload: Buffer.from('{"b":2}'), LogType: 'Tail' })).toEqual({
      chunks: ['{"b":2}'],
      complete: { LogResult: Buffer.from('START\nEND\n').toString('base64') },
      StatusCode: 200,
      ExecutedVersion: '$LATEST',
    })
  })

  it('tells of a failed function in its last event, before the first chunk or after some', async () => {
    const details = '{"errorType":"TypeError","errorMessage":"no"}'
    const failed = { ...echoOutcome(), kind: 'function-error' as const, payload: Buffer.from(details) }
    frontend.invoker.answer = () => failed
    const complete = { ErrorCode: 'Unhandled', ErrorDetails: details }
    expect(await stream()).toMatchObject({ chunks: [], complete })
    frontend.invoker.answer = streams(['a', 'b'], failed)
    expect(await stream()).toMatchObject({ chunks: ['a', 'b'], complete })
  })

  it('raises a failure of the platform in mid stream as an error', async () => {
    frontend.invoker.answer = streams(['a'], { kind: 'platform-error', detail: 'worker lost', mayHaveRun: true })
    await expect(stream()).rejects.toMatchObject({ name: 'ServiceException' })
  })

  it('refuses what did not run as Invoke does', async () => {
    frontend.invoker.answer = () => ({
      ...{ kind: 'throttled', reason: 'ConcurrentInvocationLimitExceeded', retryAfterSeconds: 1 },
    })
    await expect(stream()).rejects.toMatchObject({ name: 'TooManyRequestsException' })
    await expect(stream({ FunctionName: 'none' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    await expect(stream({ Payload: Buffer.from('{') })).rejects.toMatchObject({
      name: 'InvalidRequestContentException',
    })
    const event = { path: '/2021-11-15/functions/f/response-streaming-invocations', body: '{}' }
    const refused = await rawRequest(frontend.endpoint, { ...event, headers: { 'x-amz-invocation-type': 'Event' } })
    expect([refused.status, refused.code]).toEqual([400, 'ValidationException'])
  })

  it('checks without running on DryRun', async () => {
    const calls = frontend.invoker.calls.length
    expect(await stream({ InvocationType: 'DryRun' })).toMatchObject({ StatusCode: 204, chunks: [] })
    expect(frontend.invoker.calls).toHaveLength(calls)
  })

  it('lets the function go on without its reader when the client leaves', async () => {
    const done = Promise.withResolvers<boolean>()
    frontend.invoker.answer = async (call) => {
      const parts = Array.from({ length: 400 }, () => 'x'.repeat(64 * 1024))
      const outcome = await streams(parts)(call)
      done.resolve(frontend.invoker.signals.at(-1)?.aborted === true)
      return outcome
    }
    const path = '/2021-11-15/functions/f/response-streaming-invocations'
    const leaves = (response: IncomingMessage) => response.once('data', () => response.destroy())
    // Never answered whole.
    void rawRequest(frontend.endpoint, { path, body: '{}', onResponse: leaves }).catch(() => undefined)
    expect(await done.promise).toBe(true)
  })
})

it('Invoke asks for no parts', async () => {
  frontend.invoker.answer = (call) => {
    expect(call.sink).toBeUndefined()
    return echo(call)
  }
  await client.send(new InvokeCommand({ FunctionName: 'f' }))
})
