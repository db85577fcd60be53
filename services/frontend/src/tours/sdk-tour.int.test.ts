import { generateKeyPairSync, randomUUID } from 'node:crypto'
import * as lambda from '@aws-sdk/client-lambda'
import { publicJwk, signPackage, thumbprint } from '@weft/archive'
import { startFabric, type TestFabric } from '@weft/kit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { servedOperations } from '../operations/api.ts'
import { zipOf } from '../testing/index.ts'

let fabric: TestFabric
let client: lambda.LambdaClient
let zip: Buffer
let otherZip: Buffer
const called = new Set<string>()
const FunctionName = 'tour'
const waiting = () => ({ client, maxWaitTime: 60, minDelay: 1 })

beforeAll(async () => {
  fabric = await startFabric()
  const { http, region, accessKeyId, secretAccessKey } = fabric.connection
  client = new lambda.LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey } })
  client.middlewareStack.add(
    (next, context) => (args) => {
      called.add(String(context.commandName).replace(/Command$/, ''))
      return next(args)
    },
    { step: 'initialize' },
  )
  const handler = (text: string) =>
    zipOf([
      {
        name: 'index.cjs',
        content: `exports.handler = async (event) => ({ event, text: '${text}', ...(event.greet && require('greeting')) })\n`,
      },
    ])
  zip = await handler('one')
  otherZip = await handler('two')
})
afterAll(async () => {
  client?.destroy()
  await fabric?.[Symbol.asyncDispose]()
})

const role = () => `arn:aws:iam::${fabric.connection.accountId}:role/tour`
const arnOf = (rest: string) => `arn:aws:lambda:${fabric.connection.region}:${fabric.connection.accountId}:${rest}`
const answerOf = async (Qualifier?: string, event: object = { a: 1 }) => {
  const Payload = JSON.stringify(event)
  const answer = await client.send(new lambda.InvokeCommand({ FunctionName, Qualifier, Payload }))
  return { ...JSON.parse(answer.Payload?.transformToString() ?? ''), version: answer.ExecutedVersion }
}

it('functions are made, shown, changed and called', async () => {
  const settings = { Runtime: 'nodejs24.x', Handler: 'index.handler', Role: role() } as const
  await client.send(new lambda.CreateFunctionCommand({ FunctionName, ...settings, Code: { ZipFile: zip } }))
  await lambda.waitUntilFunctionActiveV2(waiting(), { FunctionName })
  expect(await answerOf()).toEqual({ event: { a: 1 }, text: 'one', version: '$LATEST' })
  const got = await client.send(new lambda.GetFunctionCommand({ FunctionName }))
  expect(await (await fetch(got.Code?.Location ?? '')).bytes()).toEqual(new Uint8Array(zip))
  const { RevisionId } = await client.send(new lambda.GetFunctionConfigurationCommand({ FunctionName }))
  const code = { FunctionName, ZipFile: otherZip, RevisionId }
  await client.send(new lambda.UpdateFunctionCodeCommand({ ...code, DryRun: true }))
  await client.send(new lambda.UpdateFunctionCodeCommand(code))
  await lambda.waitUntilFunctionUpdatedV2(waiting(), { FunctionName })
  expect((await answerOf()).text).toBe('two')
  await client.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 5, MemorySize: 256 }))
  await lambda.waitUntilFunctionUpdatedV2(waiting(), { FunctionName })
  const listed = await client.send(new lambda.ListFunctionsCommand({}))
  expect(listed.Functions?.map((one) => one.FunctionName)).toContain(FunctionName)
  await client.send(new lambda.InvokeAsyncCommand({ FunctionName, InvokeArgs: '{}' }))
  const events = await client.send(
    new lambda.InvokeWithResponseStreamCommand({ FunctionName, Payload: Buffer.from('{"b":2}') }),
  )
  const chunks: Uint8Array[] = []
  for await (const event of events.EventStream ?? [])
    if (event.PayloadChunk?.Payload) chunks.push(event.PayloadChunk.Payload)
  expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual({ event: { b: 2 }, text: 'two' })
})

it('versions and aliases', async () => {
  const published = await client.send(new lambda.PublishVersionCommand({ FunctionName }))
  expect(published.Version).toBe('1')
  await lambda.waitUntilPublishedVersionActive(waiting(), { FunctionName, Qualifier: '1' })
  const versions = await client.send(new lambda.ListVersionsByFunctionCommand({ FunctionName }))
  expect(versions.Versions?.map((one) => one.Version)).toEqual(['$LATEST', '1'])
  const alias = { FunctionName, Name: 'live' }
  await client.send(new lambda.CreateAliasCommand({ ...alias, FunctionVersion: '1' }))
  expect((await answerOf('live')).version).toBe('1')
  await client.send(new lambda.UpdateAliasCommand({ ...alias, Description: 'in use' }))
  expect((await client.send(new lambda.GetAliasCommand(alias))).Description).toBe('in use')
  expect((await client.send(new lambda.ListAliasesCommand({ FunctionName }))).Aliases).toHaveLength(1)
})

it('permissions', async () => {
  const StatementId = 'events'
  const given = { FunctionName, StatementId, Action: 'lambda:InvokeFunction', Principal: 'events.amazonaws.com' }
  await client.send(new lambda.AddPermissionCommand(given))
  const { Policy } = await client.send(new lambda.GetPolicyCommand({ FunctionName }))
  expect(JSON.parse(Policy ?? '').Statement).toHaveLength(1)
  await client.send(new lambda.RemovePermissionCommand({ FunctionName, StatementId }))
  const ResourceArn = arnOf(`function:${FunctionName}`)
  const own = { Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'lambda:InvokeFunction' }
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [{ ...own, Resource: ResourceArn }] })
  await client.send(new lambda.PutResourcePolicyCommand({ ResourceArn, Policy: document }))
  const whole = await client.send(new lambda.GetResourcePolicyCommand({ ResourceArn }))
  expect(JSON.parse(whole.Policy ?? '').Statement).toHaveLength(1)
  await client.send(new lambda.DeleteResourcePolicyCommand({ ResourceArn }))
})

it('concurrency, reserved and provisioned', async () => {
  const reserved = { FunctionName, ReservedConcurrentExecutions: 5 }
  await client.send(new lambda.PutFunctionConcurrencyCommand(reserved))
  const got = await client.send(new lambda.GetFunctionConcurrencyCommand({ FunctionName }))
  expect(got.ReservedConcurrentExecutions).toBe(5)
  const provisioned = { FunctionName, Qualifier: 'live' }
  await client.send(
    new lambda.PutProvisionedConcurrencyConfigCommand({ ...provisioned, ProvisionedConcurrentExecutions: 1 }),
  )
  const state = await client.send(new lambda.GetProvisionedConcurrencyConfigCommand(provisioned))
  expect(state.RequestedProvisionedConcurrentExecutions).toBe(1)
  const all = await client.send(new lambda.ListProvisionedConcurrencyConfigsCommand({ FunctionName }))
  expect(all.ProvisionedConcurrencyConfigs).toHaveLength(1)
  await client.send(new lambda.DeleteProvisionedConcurrencyConfigCommand(provisioned))
  await client.send(new lambda.DeleteFunctionConcurrencyCommand({ FunctionName }))
})

it('event settings', async () => {
  await client.send(new lambda.PutFunctionEventInvokeConfigCommand({ FunctionName, MaximumRetryAttempts: 1 }))
  await client.send(new lambda.UpdateFunctionEventInvokeConfigCommand({ FunctionName, MaximumEventAgeInSeconds: 60 }))
  expect(await client.send(new lambda.GetFunctionEventInvokeConfigCommand({ FunctionName }))).toMatchObject({
    MaximumRetryAttempts: 1,
    MaximumEventAgeInSeconds: 60,
  })
  const all = await client.send(new lambda.ListFunctionEventInvokeConfigsCommand({ FunctionName }))
  expect(all.FunctionEventInvokeConfigs).toHaveLength(1)
  await client.send(new lambda.DeleteFunctionEventInvokeConfigCommand({ FunctionName }))
})

it('event source mappings', async () => {
  const { region, accountId } = fabric.connection
  const EventSourceArn = `arn:aws:jetstream:${region}:${accountId}:stream/tour`
  const made = await client.send(
    new lambda.CreateEventSourceMappingCommand({
      FunctionName,
      EventSourceArn,
      StartingPosition: 'TRIM_HORIZON',
      Enabled: false,
    }),
  )
  const { UUID } = made
  const Resource = made.EventSourceMappingArn
  await client.send(new lambda.TagResourceCommand({ Resource, Tags: { team: 'a' } }))
  expect((await client.send(new lambda.ListTagsCommand({ Resource }))).Tags).toEqual({ team: 'a' })
  await client.send(new lambda.UpdateEventSourceMappingCommand({ UUID, BatchSize: 7 }))
  expect((await client.send(new lambda.GetEventSourceMappingCommand({ UUID }))).BatchSize).toBe(7)
  const all = await client.send(new lambda.ListEventSourceMappingsCommand({ FunctionName }))
  expect(all.EventSourceMappings?.map((one) => one.UUID)).toEqual([UUID])
  await client.send(new lambda.DeleteEventSourceMappingCommand({ UUID }))
})

it('function URLs', async () => {
  const made = await client.send(new lambda.CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'AWS_IAM' }))
  expect(made.FunctionUrl).toMatch(/^http:\/\/[a-z2-7]{32}\.lambda-url\./)
  await client.send(new lambda.UpdateFunctionUrlConfigCommand({ FunctionName, Cors: { AllowOrigins: ['*'] } }))
  expect((await client.send(new lambda.GetFunctionUrlConfigCommand({ FunctionName }))).Cors?.AllowOrigins).toEqual([
    '*',
  ])
  expect(
    (await client.send(new lambda.ListFunctionUrlConfigsCommand({ FunctionName }))).FunctionUrlConfigs,
  ).toHaveLength(1)
  await client.send(new lambda.DeleteFunctionUrlConfigCommand({ FunctionName }))
})

it('layers', async () => {
  const LayerName = 'tour-layer'
  const files = [{ name: 'nodejs/node_modules/greeting/index.js', content: "exports.greeting = 'hello'\n" }]
  const made = await client.send(
    new lambda.PublishLayerVersionCommand({ LayerName, Content: { ZipFile: await zipOf(files) } }),
  )
  const version = { LayerName, VersionNumber: made.Version }
  expect((await client.send(new lambda.GetLayerVersionCommand(version))).LayerVersionArn).toBe(made.LayerVersionArn)
  expect((await client.send(new lambda.GetLayerVersionByArnCommand({ Arn: made.LayerVersionArn }))).Version).toBe(1)
  expect((await client.send(new lambda.ListLayersCommand({}))).Layers).toHaveLength(1)
  expect((await client.send(new lambda.ListLayerVersionsCommand({ LayerName }))).LayerVersions).toHaveLength(1)
  const StatementId = 'all'
  const Action = 'lambda:GetLayerVersion'
  await client.send(new lambda.AddLayerVersionPermissionCommand({ ...version, StatementId, Action, Principal: '*' }))
  expect((await client.send(new lambda.GetLayerVersionPolicyCommand(version))).Policy).toContain(StatementId)
  await client.send(new lambda.RemoveLayerVersionPermissionCommand({ ...version, StatementId }))
  const Layers = [made.LayerVersionArn ?? '']
  await client.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Layers }))
  await client.send(new lambda.DeleteLayerVersionCommand(version))
  expect(await answerOf(undefined, { greet: true })).toMatchObject({ text: 'two', greeting: 'hello' })
})

it('code signing', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const { accountId } = fabric.connection
  const print = thumbprint(publicJwk(publicKey) ?? {})
  const made = await client.send(
    new lambda.CreateCodeSigningConfigCommand({
      AllowedPublishers: {
        SigningProfileVersionArns: [`arn:aws:signer:us-east-1:${accountId}:/signing-profiles/tour/${print}`],
      },
    }),
  )
  const CodeSigningConfigArn = made.CodeSigningConfig?.CodeSigningConfigArn
  const CodeSigningPolicies = { UntrustedArtifactOnDeployment: 'Enforce' } as const
  await client.send(new lambda.UpdateCodeSigningConfigCommand({ CodeSigningConfigArn, CodeSigningPolicies }))
  await client.send(new lambda.PutFunctionCodeSigningConfigCommand({ FunctionName, CodeSigningConfigArn }))
  const recode = (ZipFile: Buffer) => client.send(new lambda.UpdateFunctionCodeCommand({ FunctionName, ZipFile }))
  await expect(recode(zip)).rejects.toMatchObject({ name: 'CodeVerificationFailedException' })
  const signed = signPackage(zip, privateKey, { jobId: randomUUID() })
  if (!signed.ok) throw new Error(signed.error)
  await recode(signed.value)
  expect((await answerOf()).text).toBe('one')
  expect((await client.send(new lambda.GetFunctionCodeSigningConfigCommand({ FunctionName }))).FunctionName).toBe(
    FunctionName,
  )
  const users = await client.send(new lambda.ListFunctionsByCodeSigningConfigCommand({ CodeSigningConfigArn }))
  expect(users.FunctionArns).toEqual([arnOf(`function:${FunctionName}`)])
  await client.send(new lambda.GetCodeSigningConfigCommand({ CodeSigningConfigArn }))
  expect((await client.send(new lambda.ListCodeSigningConfigsCommand({}))).CodeSigningConfigs).toHaveLength(1)
  await client.send(new lambda.DeleteFunctionCodeSigningConfigCommand({ FunctionName }))
  await client.send(new lambda.DeleteCodeSigningConfigCommand({ CodeSigningConfigArn }))
})

it('loops, runtimes, tags and the account', async () => {
  await client.send(new lambda.PutFunctionRecursionConfigCommand({ FunctionName, RecursiveLoop: 'Allow' }))
  expect((await client.send(new lambda.GetFunctionRecursionConfigCommand({ FunctionName }))).RecursiveLoop).toBe(
    'Allow',
  )
  await client.send(new lambda.PutRuntimeManagementConfigCommand({ FunctionName, UpdateRuntimeOn: 'Auto' }))
  const management = await client.send(new lambda.GetRuntimeManagementConfigCommand({ FunctionName }))
  expect(management.UpdateRuntimeOn).toBe('Auto')
  const Resource = arnOf(`function:${FunctionName}`)
  await client.send(new lambda.TagResourceCommand({ Resource, Tags: { team: 'a', stage: 'b' } }))
  await client.send(new lambda.UntagResourceCommand({ Resource, TagKeys: ['stage'] }))
  expect((await client.send(new lambda.ListTagsCommand({ Resource }))).Tags).toEqual({ team: 'a' })
  const { AccountUsage } = await client.send(new lambda.GetAccountSettingsCommand({}))
  expect(AccountUsage).toMatchObject({ FunctionCount: 1 })
})

it('what was made is deleted, and every served operation has been called', async () => {
  await client.send(new lambda.DeleteAliasCommand({ FunctionName, Name: 'live' }))
  await client.send(new lambda.DeleteFunctionCommand({ FunctionName, Qualifier: '1' }))
  await client.send(new lambda.DeleteFunctionCommand({ FunctionName }))
  await expect(client.send(new lambda.GetFunctionCommand({ FunctionName }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  })
  const calls = ['Invoke', 'InvokeAsync', 'InvokeWithResponseStream']
  expect([...called].toSorted()).toEqual([...servedOperations, ...calls].toSorted())
})
