import { setImmediate } from 'node:timers/promises'
import * as lambda from '@aws-sdk/client-lambda'
import { imageRuntime } from '@weft/contracts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { frontendDefaults } from '../config.ts'
import { FakeRegistry } from '../testing/fake-registry.ts'
import { account, keys, role, startTestFrontend, type TestFrontend, zipOf } from '../testing/index.ts'

let frontend: TestFrontend
let registry: FakeRegistry
let client: lambda.LambdaClient
const FunctionName = 'managed'
const arn = `arn:aws:lambda:us-east-1:${account}:function:${FunctionName}`

beforeAll(async () => {
  registry = await FakeRegistry.start()
  frontend = await startTestFrontend(
    { provisionedStates: { status: async () => undefined }, runtimes: () => ['nodejs24.x', imageRuntime] },
    { ...frontendDefaults, images: { registries: [registry.host] } },
  )
  client = new lambda.LambdaClient({
    ...{ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 },
  })
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

/** Status and members of an answer, or the name of its refusal. */
async function ask(name: string, input: object = {}): Promise<unknown> {
  // biome-ignore lint/performance/noDynamicNamespaceImportAccess: nothing is bundled here.
  const Command = lambda[`${name}Command` as 'GetFunctionCommand']
  try {
    const { $metadata, ...members } = await client.send(new Command({ FunctionName, ...input }))
    return [$metadata.httpStatusCode, members]
  } catch (error) {
    return (error as Error).name
  }
}

/** What tools that describe infrastructure ask on their way to create, read, change and delete a function. */
it('answers the calls of infrastructure tools as they expect', async () => {
  const common = { Role: role, Runtime: 'nodejs24.x', Handler: 'index.handler', PackageType: 'Zip', Publish: false }
  const asked = { TracingConfig: { Mode: 'PassThrough' }, LoggingConfig: { LogFormat: 'Text' }, Tags: { team: 'a' } }
  const Code = { ZipFile: await zipOf() }
  expect(await ask('CreateFunction', { ...common, ...asked, Code })).toMatchObject([201, { State: 'Pending' }])
  expect(await ask('CreateFunction', { ...common, Code })).toBe('ResourceConflictException')
  const found = [200, { Configuration: { State: 'Active', LastUpdateStatus: 'Successful' }, Tags: { team: 'a' } }]
  expect(await ask('GetFunction')).toMatchObject(found)
  expect(await ask('ListVersionsByFunction', { MaxItems: 10_000 })).toMatchObject([
    200,
    { Versions: [{ Version: '$LATEST' }] },
  ])
  expect(await ask('GetFunctionCodeSigningConfig')).toEqual([200, {}])
  expect(await ask('GetFunctionConcurrency')).toEqual([200, {}])
  expect(await ask('GetRuntimeManagementConfig')).toMatchObject([200, { UpdateRuntimeOn: 'Auto' }])
  expect(await ask('GetFunctionRecursionConfig')).toEqual([200, { RecursiveLoop: 'Terminate' }])
  expect(await ask('ListTags', { Resource: arn })).toEqual([200, { Tags: { team: 'a' } }])
  for (const nothing of ['GetFunctionEventInvokeConfig', 'GetFunctionUrlConfig', 'GetPolicy'])
    expect(await ask(nothing)).toBe('ResourceNotFoundException')
  for (const [list, member] of Object.entries({
    ...{ ListAliases: 'Aliases', ListEventSourceMappings: 'EventSourceMappings' },
    ...{ ListFunctionUrlConfigs: 'FunctionUrlConfigs', ListFunctionEventInvokeConfigs: 'FunctionEventInvokeConfigs' },
    ListProvisionedConcurrencyConfigs: 'ProvisionedConcurrencyConfigs',
  }))
    expect(await ask(list)).toEqual([200, { [member]: [] }])

  // Members that are empty, as providers send what is not configured.
  const empty = {
    Layers: [],
    FileSystemConfigs: [],
    ImageConfig: {},
    KMSKeyArn: '',
    DeadLetterConfig: { TargetArn: '' },
  }
  const networks = { VpcConfig: { SubnetIds: [], SecurityGroupIds: [] }, SnapStart: { ApplyOn: 'None' } }
  expect(await ask('UpdateFunctionConfiguration', { ...empty, ...networks, Description: 'changed' })).toMatchObject([
    200,
    { LastUpdateStatus: 'InProgress', Description: 'changed' },
  ])
  expect(await ask('UpdateFunctionCode', { ...Code, DryRun: true })).toMatchObject([200, { Version: '$LATEST' }])
  expect(await ask('UpdateFunctionCode', { ...Code, Publish: true })).toMatchObject([200, { Version: '1' }])
  expect(await ask('PublishVersion')).toMatchObject([201, { Version: '1' }])
  const statement = { StatementId: 's', Action: 'lambda:InvokeFunction', Principal: 'events.amazonaws.com' }
  expect(await ask('AddPermission', statement)).toMatchObject([201, {}])
  expect(await ask('AddPermission', statement)).toBe('ResourceConflictException')
  expect(await ask('RemovePermission', { StatementId: 's' })).toEqual([204, {}])
  expect(await ask('GetPolicy')).toBe('ResourceNotFoundException')
  expect(await ask('PutFunctionConcurrency', { ReservedConcurrentExecutions: 0 })).toMatchObject([200, {}])
  expect(await ask('DeleteFunctionConcurrency')).toEqual([204, {}])
  const alias = { Name: 'live', FunctionVersion: '1', RoutingConfig: { AdditionalVersionWeights: {} } }
  expect(await ask('CreateAlias', alias)).toMatchObject([201, { FunctionVersion: '1' }])
  expect(await ask('DeleteFunction', { Qualifier: '1' })).toBe('ResourceConflictException')
  expect(await ask('DeleteAlias', alias)).toEqual([204, {}])
  expect(await ask('TagResource', { Resource: arn, Tags: { x: 'y' } })).toEqual([204, {}])
  expect(await ask('UntagResource', { Resource: arn, TagKeys: ['x'] })).toEqual([204, {}])
  expect(await ask('DeleteFunction')).toMatchObject([204, {}])
  expect(await ask('DeleteFunction')).toBe('ResourceNotFoundException')
})

it('and those for a function that is a container image', async () => {
  const digest = registry.push('app', 'v1')
  const ImageUri = `${registry.host}/app:v1`
  const ImageConfig = { Command: ['app.handler'], EntryPoint: [], WorkingDirectory: '' }
  const common = { Role: role, PackageType: 'Image', Publish: true, Architectures: ['x86_64'], Layers: [] }
  expect(await ask('CreateFunction', { ...common, Code: { ImageUri }, ImageConfig })).toMatchObject([
    201,
    // Numbers of a function of that name go on.
    { State: 'Pending', Version: '2', CodeSha256: digest },
  ])
  const state = async () => ((await ask('GetFunction')) as [number, lambda.GetFunctionCommandOutput])[1].Configuration
  while ((await state())?.State === 'Pending') await setImmediate()
  expect(await ask('GetFunction')).toMatchObject([
    200,
    {
      Code: { RepositoryType: 'ECR', ImageUri, ResolvedImageUri: `${registry.host}/app@sha256:${digest}` },
      Configuration: { ImageConfigResponse: { ImageConfig: { Command: ['app.handler'] } }, State: 'Active' },
    },
  ])
  expect(await ask('GetFunctionCodeSigningConfig')).toBe('InvalidParameterValueException')
  expect(await ask('GetRuntimeManagementConfig')).toMatchObject([200, { UpdateRuntimeOn: 'Auto' }])
  expect(await ask('UpdateFunctionConfiguration', { ImageConfig: {}, Layers: [], Timeout: 9 })).toMatchObject([
    200,
    { LastUpdateStatus: 'InProgress', Timeout: 9 },
  ])
  expect(await ask('UpdateFunctionCode', { ImageUri, DryRun: true })).toMatchObject([200, { CodeSha256: digest }])
  expect(await ask('UpdateFunctionCode', { ImageUri, Publish: true })).toMatchObject([200, { Version: '3' }])
  expect(await ask('DeleteFunction')).toMatchObject([204, {}])
})
