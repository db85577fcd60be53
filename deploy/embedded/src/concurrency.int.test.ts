import type { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda'
import type { InvocationRecord } from '@weft/contracts'
import { startFabric, type TestFabric } from '@weft/kit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { zipFolder } from './demo/zip-folder.ts'

const source = (mark: string): string => `
const environment = Math.random().toString(36).slice(2)
export const handler = async () =>
  ({ mark: '${mark}', environment, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE })
`

async function packageOf(text: string): Promise<Buffer> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-package-'))
  try {
    writeFileSync(join(dir, 'index.mjs'), text)
    return await zipFolder(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

let fabric: TestFabric
let client: LambdaClient

beforeAll(async () => {
  fabric = await startFabric()
  const { http, region, accessKeyId, secretAccessKey } = fabric.connection
  client = new LambdaClient({
    ...{ endpoint: http, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 },
    requestHandler: { httpAgent: { maxSockets: 500 } },
  })
})

afterAll(async () => {
  client.destroy()
  await fabric[Symbol.asyncDispose]()
})

async function create(name: string, text: string): Promise<void> {
  await client.send(
    new CreateFunctionCommand({
      ...{ FunctionName: name, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 30 },
      Role: `arn:aws:iam::${fabric.connection.accountId}:role/r`,
      Code: { ZipFile: await packageOf(text) },
    }),
  )
  await waitUntilFunctionActiveV2({ client, maxWaitTime: 60 }, { FunctionName: name })
}

interface Answer {
  readonly mark: string
  readonly environment: string
  readonly type: string
}

async function call(name: string, qualifier?: string): Promise<Answer> {
  const { Payload, FunctionError } = await client.send(new InvokeCommand({ FunctionName: name, Qualifier: qualifier }))
  const text = Payload?.transformToString() ?? ''
  if (FunctionError) throw new Error(text)
  return JSON.parse(text) as Answer
}

/** The status once it is settled. */
async function provisioned(name: string, qualifier: string) {
  const status = () =>
    client.send(new GetProvisionedConcurrencyConfigCommand({ FunctionName: name, Qualifier: qualifier }))
  await expect.poll(async () => (await status()).Status, { timeout: 120_000 }).not.toBe('IN_PROGRESS')
  return status()
}

const provision = (name: string, qualifier: string, count: number) =>
  client.send(
    new PutProvisionedConcurrencyConfigCommand({
      ...{ FunctionName: name, Qualifier: qualifier, ProvisionedConcurrentExecutions: count },
    }),
  )

test('two hundred first calls at once are all answered, by fewer sandboxes than calls', async () => {
  await create('herd', source('one'))
  const answers = await Promise.all(Array.from({ length: 200 }, () => call('herd')))
  const environments = new Set(answers.map(({ environment }) => environment))
  expect(environments.size).toBeLessThan(100)
  const health = await fetch(`${fabric.connection.http}/healthz/worker`)
  const { details } = (await health.json()) as { details: { sandboxes: number } }
  // None was started that served nobody, but those under way when the last call was served.
  expect(details.sandboxes).toBeLessThanOrEqual(environments.size + 8)
})

test('provisioned environments are ready before the first call, and follow their alias', async () => {
  await create('ahead', source('one'))
  await client.send(new PublishVersionCommand({ FunctionName: 'ahead' }))
  await client.send(new CreateAliasCommand({ FunctionName: 'ahead', Name: 'live', FunctionVersion: '1' }))
  await provision('ahead', 'live', 2)
  expect(await provisioned('ahead', 'live')).toMatchObject({
    ...{ Status: 'READY', AllocatedProvisionedConcurrentExecutions: 2, AvailableProvisionedConcurrentExecutions: 2 },
  })
  expect(await call('ahead', 'live')).toMatchObject({ mark: 'one', type: 'provisioned-concurrency' })
  expect(await call('ahead')).toMatchObject({ mark: 'one', type: 'on-demand' })

  await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'ahead', ZipFile: await packageOf(source('two')) }))
  await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 60 }, { FunctionName: 'ahead' })
  await client.send(new PublishVersionCommand({ FunctionName: 'ahead' }))
  await client.send(new UpdateAliasCommand({ FunctionName: 'ahead', Name: 'live', FunctionVersion: '2' }))
  for (;;) {
    const answer = await call('ahead', 'live')
    expect(answer.mark).toBe('two')
    if (answer.type === 'provisioned-concurrency') break
  }
  await client.send(new DeleteProvisionedConcurrencyConfigCommand({ FunctionName: 'ahead', Qualifier: 'live' }))
})

/** What is recorded of a request, as soon as it is. */
async function recordOf(requestId: string | undefined): Promise<InvocationRecord> {
  const lookUp = () => fetch(`${fabric.connection.http}/invocations/${requestId}`)
  const seen: number[] = []
  await expect.poll(async () => seen[seen.push((await lookUp()).status) - 1], { timeout: 120_000 }).toBe(200)
  expect(seen.slice(0, -1).every((status) => status === 404)).toBe(true)
  const { records } = (await (await lookUp()).json()) as { records: readonly InvocationRecord[] }
  return records[0] as InvocationRecord
}

test('a call can be explained by its request id', async () => {
  await create('explained', source('one'))
  const first = await client.send(new InvokeCommand({ FunctionName: 'explained' }))
  const cold = await recordOf(first.$metadata.requestId)
  expect(cold).toMatchObject({ functionName: 'explained', coldStart: true, leaseOrigin: 'started' })
  expect(cold.queuedMs).toBeGreaterThan(0)
  expect(cold.startedAtMs - cold.acceptedAtMs).toBeGreaterThan((cold.queuedMs ?? 0) - 1)
  const second = await client.send(new InvokeCommand({ FunctionName: 'explained' }))
  expect(await recordOf(second.$metadata.requestId)).toMatchObject({ coldStart: false, initDurationMs: 0 })
})

test('code that cannot be initialised is told as the reason why nothing is provisioned', async () => {
  await create('broken', 'throw new Error("no")')
  await client.send(new PublishVersionCommand({ FunctionName: 'broken' }))
  await provision('broken', '1', 1)
  expect(await provisioned('broken', '1')).toMatchObject({
    ...{ Status: 'FAILED', StatusReason: 'FUNCTION_ERROR_INIT_FAILURE' },
  })
})
