import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  waitUntilFunctionActiveV2,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import { startFabric, type TestFabric } from '@weft/kit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { zipFolder } from './demo/zip-folder.ts'
import { awsCli } from './testing/aws-cli.ts'

/** Takes a moment to initialise, as what is worth a snapshot does. */
const slow = `
const began = Date.now()
while (Date.now() < began + 300);
const environment = Math.random().toString(36).slice(2)
const told = ['init']
awslambda.registerAfterRestore(() => void told.push('restored'))
export const handler = async (event) => {
  if (event.sleep) await new Promise((resolve) => setTimeout(resolve, event.sleep))
  return { told, environment, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE }
}`

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
let cli: ReturnType<typeof awsCli>
let home: string

beforeAll(async () => {
  fabric = await startFabric()
  const { http: endpoint, region, accessKeyId, secretAccessKey } = fabric.connection
  client = new LambdaClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 })
  home = mkdtempSync(join(tmpdir(), 'weft-snap-start-'))
  cli = awsCli(fabric, home)
})

afterAll(async () => {
  client.destroy()
  rmSync(home, { recursive: true, force: true })
  await fabric[Symbol.asyncDispose]()
})

async function create(FunctionName: string, text: string): Promise<void> {
  await client.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 30 },
      Role: `arn:aws:iam::${fabric.connection.accountId}:role/r`,
      Code: { ZipFile: await packageOf(text) },
      SnapStart: { ApplyOn: 'PublishedVersions' },
    }),
  )
  await waitUntilFunctionActiveV2({ client, maxWaitTime: 60 }, { FunctionName })
}

const configuration = (FunctionName: string, Qualifier?: string) =>
  client.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier }))

async function call(FunctionName: string, Qualifier: string | undefined, event: object = {}) {
  const { Payload } = await client.send(
    new InvokeCommand({ FunctionName, Qualifier, Payload: Buffer.from(JSON.stringify(event)) }),
  )
  return JSON.parse(Payload?.transformToString() ?? '') as { told: string[]; environment: string; type: string }
}

test('a published version is Active once it is initialised, and its calls are restored', async () => {
  await create('snap', slow)
  expect(await configuration('snap')).toMatchObject({
    ...{ State: 'Active', SnapStart: { ApplyOn: 'PublishedVersions', OptimizationStatus: 'Off' } },
  })
  const published = await client.send(new PublishVersionCommand({ FunctionName: 'snap' }))
  expect(published).toMatchObject({
    ...{ Version: '1', State: 'Pending', StateReasonCode: 'Creating' },
    SnapStart: { ApplyOn: 'PublishedVersions', OptimizationStatus: 'On' },
  })
  await expect(call('snap', '1')).rejects.toMatchObject({ name: 'ResourceConflictException' })
  await waitUntilPublishedVersionActive({ client, maxWaitTime: 60 }, { FunctionName: 'snap', Qualifier: '1' })

  const first = await call('snap', '1', { sleep: 50 })
  expect(first).toMatchObject({ type: 'snap-start', told: ['init', 'restored'] })
  expect(await call('snap', '1')).toEqual(first)
  expect(await call('snap', undefined)).toMatchObject({ type: 'on-demand', told: ['init'] })
  // More at once than wait ready: each of them is restored, wherever it was initialised.
  const many = await Promise.all([1, 2, 3, 4].map(() => call('snap', '1', { sleep: 500 })))
  for (const one of many) expect(one).toMatchObject({ type: 'snap-start', told: ['init', 'restored'] })
  expect(new Set(many.map(({ environment }) => environment)).size).toBeGreaterThan(1)
})

test('a version that cannot be initialised is Failed', async () => {
  await create('broken', 'throw new RangeError("no")')
  await client.send(new PublishVersionCommand({ FunctionName: 'broken' }))
  await expect
    .poll(async () => (await configuration('broken', '1')).State, { timeout: 120_000, interval: 200 })
    .toBe('Failed')
  expect(await configuration('broken', '1')).toMatchObject({
    ...{ StateReasonCode: 'FunctionError.RuntimeInitError', StateReason: 'Initialization failed: RangeError' },
  })
  // Nobody has called it, and still it can be seen why.
  const messages = async (): Promise<string> => {
    const filter = ['logs', 'filter-log-events', '--log-group-name', '/aws/lambda/broken']
    // There is no log group before the first line.
    const { events } = await cli.aws(...filter).catch(() => ({ events: [] }))
    return (events as { message: string }[]).map(({ message }) => message).join(' ')
  }
  await expect.poll(messages, { timeout: 60_000, interval: 200 }).toMatch(/RangeError.*INIT_REPORT .*Status: error/s)
  await expect(call('broken', '1')).rejects.toMatchObject({
    ...{ name: 'ResourceConflictException', message: expect.stringContaining('Failed') },
  })
})

test('a hook after the restoring that fails is the caller’s error', async () => {
  await create(
    'unrestored',
    'awslambda.registerAfterRestore(() => { throw new Error("no") }); export const handler = async () => 1',
  )
  await client.send(new PublishVersionCommand({ FunctionName: 'unrestored' }))
  await waitUntilPublishedVersionActive({ client, maxWaitTime: 60 }, { FunctionName: 'unrestored', Qualifier: '1' })
  await expect(call('unrestored', '1')).rejects.toMatchObject({
    ...{ name: 'SnapStartException', $metadata: { httpStatusCode: 400 } },
  })
})

test('provisioned concurrency is refused', async () => {
  const provision = new PutProvisionedConcurrencyConfigCommand({
    ...{ FunctionName: 'snap', Qualifier: '1', ProvisionedConcurrentExecutions: 1 },
  })
  await expect(client.send(provision)).rejects.toMatchObject({
    ...{ name: 'InvalidParameterValueException', message: expect.stringContaining('SnapStart') },
  })
})
