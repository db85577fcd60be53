import {
  AddLayerVersionPermissionCommand,
  CreateFunctionCommand,
  DeleteLayerVersionCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetLayerVersionByArnCommand,
  GetLayerVersionCommand,
  GetLayerVersionPolicyCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
  ListLayersCommand,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  paginateListLayerVersions,
  RemoveLayerVersionPermissionCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  account,
  keys,
  otherAccount,
  otherKeys,
  role,
  sendQuery,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from './testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient
let stranger: LambdaClient
let zip: Buffer
const prefix = `arn:aws:lambda:us-east-1:${account}:layer`

beforeAll(async () => {
  frontend = await startTestFrontend()
  const common = { endpoint: frontend.endpoint, region: 'us-east-1', maxAttempts: 1 }
  client = new LambdaClient({ ...common, credentials: keys })
  stranger = new LambdaClient({ ...common, credentials: otherKeys })
  zip = await zipOf([{ name: 'nodejs/tool.mjs', content: 'export default 1\n' }])
})
afterAll(async () => {
  client.destroy()
  stranger.destroy()
  await frontend[Symbol.asyncDispose]()
})
beforeEach(() => {
  frontend.layers.store.entries.clear()
  frontend.catalogue.functionStore.entries.clear()
})

const publish = (LayerName: string, more: object = {}) =>
  client.send(new PublishLayerVersionCommand({ LayerName, Content: { ZipFile: zip }, ...more }))
const createWith = async (Layers: string[], sender = client) =>
  sender.send(
    new CreateFunctionCommand({
      FunctionName: 'f',
      Role: sender === stranger ? role.replace(account, otherAccount) : role,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf() },
      Layers,
    }),
  )

it('publishes versions, shows them and gives no number twice', async () => {
  const first = await publish('tools', { Description: 'one', CompatibleRuntimes: ['nodejs24.x'] })
  expect(first).toMatchObject({
    LayerArn: `${prefix}:tools`,
    LayerVersionArn: `${prefix}:tools:1`,
    Version: 1,
    Description: 'one',
    CompatibleRuntimes: ['nodejs24.x'],
    Content: { CodeSize: zip.byteLength },
  })
  const fetched = await fetch(first.Content?.Location ?? '')
  expect(Buffer.from(await fetched.arrayBuffer()).equals(zip)).toBe(true)
  expect((await publish(`${prefix}:tools`)).Version).toBe(2)
  const version = { LayerName: 'tools', VersionNumber: 2 }
  expect((await client.send(new GetLayerVersionCommand(version))).LayerVersionArn).toBe(`${prefix}:tools:2`)
  for (let again = 0; again < 2; again++)
    expect((await client.send(new DeleteLayerVersionCommand(version))).$metadata.httpStatusCode).toBe(204)
  await expect(client.send(new GetLayerVersionCommand(version))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: 'The resource you requested does not exist.',
  })
  expect((await publish('tools')).Version).toBe(3)
  const byArn = await client.send(new GetLayerVersionByArnCommand({ Arn: `${prefix}:tools:3` }))
  expect(byArn.Version).toBe(3)
  const together = await Promise.all([publish('tools'), publish('tools'), publish('tools')])
  expect(together.map((one) => one.Version).toSorted()).toEqual([4, 5, 6])
})

it('lists layers by name and versions from the newest down, page by page', async () => {
  for (const name of ['b', 'a', 'b', 'b'])
    await publish(name, name === 'a' ? { CompatibleRuntimes: ['python3.13'] } : {})
  const layers = await client.send(new ListLayersCommand({}))
  expect(layers.Layers?.map((one) => [one.LayerName, one.LatestMatchingVersion?.Version])).toEqual([
    ['a', 1],
    ['b', 3],
  ])
  const fitting = await client.send(new ListLayersCommand({ CompatibleRuntime: 'python3.13' }))
  expect(fitting.Layers?.map((one) => one.LayerName)).toEqual(['a'])
  const versions: (number | undefined)[] = []
  for await (const page of paginateListLayerVersions({ client, pageSize: 2 }, { LayerName: 'b' }))
    versions.push(...(page.LayerVersions ?? []).map((one) => one.Version))
  expect(versions).toEqual([3, 2, 1])
  expect((await client.send(new ListLayerVersionsCommand({ LayerName: 'none' }))).LayerVersions).toEqual([])
})

it('a function runs with its layers, also when they are deleted, and shows them everywhere', async () => {
  await publish('a')
  await publish('b')
  const Layers = [`${prefix}:b:1`, `${prefix}:a:1`]
  const shown = Layers.map((Arn) => ({ Arn, CodeSize: zip.byteLength }))
  expect((await createWith(Layers)).Layers).toEqual(shown)
  await client.send(new DeleteLayerVersionCommand({ LayerName: 'b', VersionNumber: 1 }))
  const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: 'f' }))
  expect(Configuration?.Layers).toEqual(shown)
  expect((await client.send(new ListFunctionsCommand({}))).Functions?.[0]?.Layers).toEqual(shown)
  await client.send(new InvokeCommand({ FunctionName: 'f' }))
  expect(frontend.invoker.calls.at(-1)?.target.version.layers?.map((one) => one.arn)).toEqual(Layers)
  // It can be kept, but not be named any more.
  const configure = (change: object) =>
    client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', ...change }))
  expect((await configure({ Description: 'kept' })).Layers).toEqual(shown)
  await expect(configure({ Layers })).rejects.toMatchObject({
    name: 'InvalidParameterValueException',
    message: `Layer version ${prefix}:b:1 does not exist.`,
  })
  expect((await configure({ Layers: [] })).Layers).toBeUndefined()
})

it("another account sees and uses a layer only with the owner's permission", async () => {
  await publish('a')
  const version = { LayerName: 'a', VersionNumber: 1 }
  const theirs = new GetLayerVersionByArnCommand({ Arn: `${prefix}:a:1` })
  await expect(stranger.send(theirs)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  await expect(createWith([`${prefix}:a:1`], stranger)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  await expect(client.send(new GetLayerVersionPolicyCommand(version))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: 'No policy is associated with the given resource.',
  })
  const added = await client.send(
    new AddLayerVersionPermissionCommand({
      ...version,
      StatementId: 'everyone',
      Action: 'lambda:GetLayerVersion',
      Principal: '*',
    }),
  )
  expect(JSON.parse(added.Statement ?? '')).toMatchObject({ Sid: 'everyone', Principal: '*' })
  const policy = await client.send(new GetLayerVersionPolicyCommand(version))
  expect(policy.RevisionId).toBe(added.RevisionId)
  expect((await stranger.send(theirs)).Version).toBe(1)
  expect((await createWith([`${prefix}:a:1`], stranger)).Layers).toHaveLength(1)
  await client.send(new RemoveLayerVersionPermissionCommand({ ...version, StatementId: 'everyone' }))
  await expect(stranger.send(theirs)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  // To publish in another account's name, or to delete what is its, is nobody's right.
  const foreign = { LayerName: `${prefix}:a`, VersionNumber: 1 }
  await expect(stranger.send(new DeleteLayerVersionCommand(foreign))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  })
})

it('a user needs the right to get a layer to have a function use it', async () => {
  await publish('a')
  const iam = (action: string, parameters: Record<string, string>) =>
    sendQuery(frontend.endpoint, 'iam', action, { UserName: 'ann', ...parameters }, { keys })
  await iam('CreateUser', {})
  const allow = (...Action: string[]) => {
    const Statement = [{ Effect: 'Allow', Action: [...Action, 'iam:PassRole'], Resource: '*' }]
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
    return iam('PutUserPolicy', { PolicyName: 'p', PolicyDocument })
  }
  const key = await iam('CreateAccessKey', {})
  const credentials = { accessKeyId: key.element('AccessKeyId'), secretAccessKey: key.element('SecretAccessKey') }
  const ann = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })
  await allow('lambda:CreateFunction')
  await expect(createWith([`${prefix}:a:1`], ann)).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining(`lambda:GetLayerVersion on resource: ${prefix}:a:1`),
  })
  await allow('lambda:CreateFunction', 'lambda:GetLayerVersion')
  expect((await createWith([`${prefix}:a:1`], ann)).Layers).toHaveLength(1)
  ann.destroy()
})

it('counts layers as code of the account, and refuses what is no package', async () => {
  await publish('a')
  await publish('a')
  const settings = await client.send(new GetAccountSettingsCommand({}))
  expect(settings.AccountUsage?.TotalCodeSize).toBe(2 * zip.byteLength)
  const refused = (Content: object) =>
    expect(client.send(new PublishLayerVersionCommand({ LayerName: 'x', Content }))).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    })
  await refused({ ZipFile: Buffer.from('no zip') })
  await refused({})
  await refused({ S3Bucket: 'some-bucket' })
})
