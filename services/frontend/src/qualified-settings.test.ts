import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  GetFunctionRecursionConfigCommand,
  GetProvisionedConcurrencyConfigCommand,
  GetRuntimeManagementConfigCommand,
  LambdaClient,
  PublishVersionCommand,
  PutFunctionEventInvokeConfigCommand,
  PutFunctionRecursionConfigCommand,
  PutProvisionedConcurrencyConfigCommand,
  PutRuntimeManagementConfigCommand,
  paginateListProvisionedConcurrencyConfigs,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import type { FunctionRecord, ProvisionedStatus } from '@weft/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account, keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient
const states = new Map<string, ProvisionedStatus>()
let workerHas = ['nodejs24.x:24.1.0']
const FunctionName = 'f'
const arn = `arn:aws:lambda:us-east-1:${account}:function:f`

beforeAll(async () => {
  frontend = await startTestFrontend({
    runtimeVersions: () => workerHas,
    provisionedStates: { status: async (_account, _name, qualifier) => states.get(qualifier) },
  })
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
  const common = { FunctionName, Role: role, Runtime: 'nodejs24.x' as const, Handler: 'index.handler' }
  await client.send(new CreateFunctionCommand({ ...common, Code: { ZipFile: await zipOf() }, Publish: true }))
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Description: 'second' }))
  await client.send(new PublishVersionCommand({ FunctionName }))
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '2' }))
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})

describe('provisioned concurrency', () => {
  const put = (Qualifier: string, ProvisionedConcurrentExecutions: number) =>
    client.send(
      new PutProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier, ProvisionedConcurrentExecutions }),
    )
  const get = (Qualifier: string) =>
    client.send(new GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier }))

  it('is set for versions and aliases and shows what placement tells of it', async () => {
    const set = await put('live', 2)
    expect(set).toMatchObject({
      $metadata: { httpStatusCode: 202 },
      RequestedProvisionedConcurrentExecutions: 2,
      AllocatedProvisionedConcurrentExecutions: 0,
      AvailableProvisionedConcurrentExecutions: 0,
      Status: 'IN_PROGRESS',
    })
    states.set('live', { allocated: 2, available: 1, status: 'READY' })
    expect(await get('live')).toMatchObject({
      AllocatedProvisionedConcurrentExecutions: 2,
      AvailableProvisionedConcurrentExecutions: 1,
      Status: 'READY',
    })
    const move = new UpdateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '$LATEST' })
    await expect(client.send(move)).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
    await put('1', 3)
    await expect(
      client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1' })),
    ).rejects.toMatchObject({ name: 'ResourceConflictException' })
    const listed: (string | undefined)[] = []
    for await (const page of paginateListProvisionedConcurrencyConfigs({ client, pageSize: 1 }, { FunctionName }))
      listed.push(...(page.ProvisionedConcurrencyConfigs ?? []).map((one) => `${one.FunctionArn} ${one.Status}`))
    expect(listed).toEqual([`${arn}:1 IN_PROGRESS`, `${arn}:live READY`])
  })

  it('ends with its deletion or with its alias', async () => {
    const remove = new DeleteProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier: '1' })
    for (let again = 0; again < 2; again++) expect((await client.send(remove)).$metadata.httpStatusCode).toBe(204)
    await expect(get('1')).rejects.toMatchObject({
      name: 'ProvisionedConcurrencyConfigNotFoundException',
      message: 'No Provisioned Concurrency Config found for this function',
      $metadata: { httpStatusCode: 404 },
    })
    await client.send(new DeleteAliasCommand({ FunctionName, Name: 'live' }))
    await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '2' }))
    await expect(get('live')).rejects.toMatchObject({ name: 'ProvisionedConcurrencyConfigNotFoundException' })
  })

  it('refuses $LATEST and what is not there in the words of AWS', async () => {
    await expect(put('$LATEST', 1)).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: 'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
    })
    await expect(get('$LATEST')).rejects.toMatchObject({
      message: 'The function resource provided must be an alias or a published version.',
    })
    await expect(put('9', 1)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    await expect(get('none')).rejects.toMatchObject({ message: `Cannot find alias arn: ${arn}:none` })
  })
})

it('event settings are dated by their own changes, not by those of the function', async () => {
  const put = new PutFunctionEventInvokeConfigCommand({ FunctionName, MaximumRetryAttempts: 1 })
  const { LastModified } = await client.send(put)
  frontend.catalogue.functionStore.put(`${account}.f`, {
    ...frontend.catalogue.functions(account)[0],
    createdAtMs: 0,
    latest: { ...frontend.catalogue.functions(account)[0]?.latest, lastModifiedMs: 0 },
  } as FunctionRecord)
  const get = new GetFunctionEventInvokeConfigCommand({ FunctionName })
  expect((await client.send(get)).LastModified).toEqual(LastModified)
  expect(Math.abs(Date.now() - Number(LastModified))).toBeLessThan(600_000)
})

it('a function says what becomes of its loops', async () => {
  const get = new GetFunctionRecursionConfigCommand({ FunctionName })
  expect((await client.send(get)).RecursiveLoop).toBe('Terminate')
  const put = new PutFunctionRecursionConfigCommand({ FunctionName: arn, RecursiveLoop: 'Allow' })
  expect((await client.send(put)).RecursiveLoop).toBe('Allow')
  expect((await client.send(get)).RecursiveLoop).toBe('Allow')
  await expect(client.send(new GetFunctionRecursionConfigCommand({ FunctionName: 'missing' }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  })
})

it('runtimes are updated with the workers, with the function, or by hand', async () => {
  const get = (Qualifier?: string) => client.send(new GetRuntimeManagementConfigCommand({ FunctionName, Qualifier }))
  expect(await get()).toMatchObject({ UpdateRuntimeOn: 'Auto', FunctionArn: `${arn}:$LATEST` })
  expect(await get('2')).toMatchObject({ FunctionArn: `${arn}:2` })
  const put = (more: object) =>
    client.send(new PutRuntimeManagementConfigCommand({ FunctionName, UpdateRuntimeOn: 'Auto', ...more }))
  expect(await put({})).toMatchObject({ UpdateRuntimeOn: 'Auto' })
  const runtime = (version: string) => `arn:aws:lambda:us-east-1::runtime:nodejs24.x:${version}`
  const manual = { UpdateRuntimeOn: 'Manual', RuntimeVersionArn: runtime('24.1.0') }
  expect(await put({ ...manual, Qualifier: 'live' })).toMatchObject({ ...manual, FunctionArn: `${arn}:2` })
  expect(await get('2')).toMatchObject(manual)
  expect((await get()).UpdateRuntimeOn).toBe('Auto')
  expect(await put({ UpdateRuntimeOn: 'FunctionUpdate' })).not.toHaveProperty('RuntimeVersionArn')
  const running = async () =>
    (await client.send(new GetFunctionConfigurationCommand({ FunctionName }))).RuntimeVersionConfig?.RuntimeVersionArn
  expect(await running()).toBe(runtime('24.1.0'))
  workerHas = ['nodejs24.x:24.1.0', 'nodejs24.x:24.2.0']
  expect(await running()).toBe(runtime('24.1.0'))
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Description: 'third' }))
  expect(await running()).toBe(runtime('24.2.0'))
  await put({ UpdateRuntimeOn: 'Auto' })
  expect(await running()).toBe('arn:aws:lambda:us-east-1::runtime:nodejs24.x')
  await expect(put({ ...manual, RuntimeVersionArn: runtime('23.0.0') })).rejects.toMatchObject({
    name: 'InvalidParameterValueException',
    message: `Runtime version ${runtime('23.0.0')} is not offered by the workers: [${runtime('24.1.0')}, ${runtime('24.2.0')}]`,
  })
})
