import { CreateFunctionCommand, InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda'
import { MemoryBook } from '@weft/delivery/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

let frontend: TestFrontend
const book = new MemoryBook()

beforeAll(async () => {
  frontend = await startTestFrontend({ book })
  const ZipFile = await zipOf()
  const settings = { Runtime: 'nodejs24.x', Handler: 'index.handler', Role: role } as const
  await clientWith({}).send(new CreateFunctionCommand({ FunctionName: 'f', Code: { ZipFile }, ...settings }))
})
afterAll(() => frontend[Symbol.asyncDispose]())

function clientWith(headers: Record<string, string>): LambdaClient {
  const client = new LambdaClient({
    endpoint: frontend.endpoint,
    region: 'us-east-1',
    credentials: keys,
    maxAttempts: 1,
  })
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: Record<string, string> }).headers, headers)
      return next(args)
    },
    { step: 'build' },
  )
  return client
}
const invoke = (headers: Record<string, string>, input: Partial<InvokeCommandInput> = {}) =>
  clientWith(headers).send(new InvokeCommand({ FunctionName: 'f', Payload: '{"n":1}', ...input }))

it('calls under one key run once and have one request id', async () => {
  const before = frontend.invoker.calls.length
  const answers = await Promise.all([1, 2, 3].map(() => invoke({ 'x-weft-idempotency-key': 'order-7' })))
  expect(frontend.invoker.calls.length).toBe(before + 1)
  expect(answers.map((one) => one.Payload?.transformToString())).toEqual(Array(3).fill('{"n":1}'))
  const ids = new Set(answers.map((one) => one.$metadata.requestId))
  expect([...ids]).toEqual([frontend.invoker.calls.at(-1)?.requestId])
})

it('an event whose result is to be kept is in the book and says so to the queue', async () => {
  const answer = await invoke({ 'x-weft-keep-result': '600' }, { InvocationType: 'Event' })
  const requestId = answer.$metadata.requestId
  expect(frontend.events.events.at(-1)).toMatchObject({ requestId, tracked: true })
  const entry = [...book.entries.values()].find(({ invocation }) => invocation.requestId === requestId)
  expect(entry?.invocation).toMatchObject({ state: 'queued', keepMs: 600_000, invocationType: 'Event' })
})

it.each<[Record<string, string>, RegExp]>([
  [{ 'x-weft-keep-result': '1' }, /kept for 120 to 86400 seconds/],
  [{ 'x-weft-keep-result': 'long' }, /kept for/],
  [{ 'x-weft-idempotency-key': 'x'.repeat(300) }, /1 to 256/],
])('refuses %o', async (headers, text) => {
  await expect(invoke(headers)).rejects.toThrow(text)
})
