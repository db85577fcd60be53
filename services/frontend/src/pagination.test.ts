import * as lambda from '@aws-sdk/client-lambda'
import { lambdaModel, operationNames } from '@weft/aws'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { servedOperations } from './operations/api.ts'
import { account, keys, otherKeys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

let frontend: TestFrontend
let client: lambda.LambdaClient
const FunctionName = 'f0'
const names = ['a', 'b', 'c']
let configArn = ''

beforeAll(async () => {
  frontend = await startTestFrontend({ provisionedStates: { status: async () => undefined } })
  const common = { endpoint: frontend.endpoint, region: 'us-east-1', maxAttempts: 1 }
  client = new lambda.LambdaClient({ ...common, credentials: keys })
  const zip = await zipOf()
  for (const i of [0, 1, 2])
    await client.send(
      new lambda.CreateFunctionCommand({
        FunctionName: `f${i}`,
        Role: role,
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Code: { ZipFile: zip },
      }),
    )
  for (const Description of names) {
    // Something to publish.
    await client.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Description }))
    await client.send(new lambda.PublishVersionCommand({ FunctionName }))
  }
  for (const [i, Name] of names.entries()) {
    const alias = { FunctionName, Name, FunctionVersion: String(i + 1) }
    const Qualifier = Name
    await client.send(new lambda.CreateAliasCommand(alias))
    await client.send(new lambda.CreateFunctionUrlConfigCommand({ FunctionName, Qualifier, AuthType: 'NONE' }))
    await client.send(
      new lambda.PutFunctionEventInvokeConfigCommand({ FunctionName, Qualifier, MaximumRetryAttempts: 1 }),
    )
    const provisioned = { FunctionName, Qualifier, ProvisionedConcurrentExecutions: 1 }
    await client.send(new lambda.PutProvisionedConcurrencyConfigCommand(provisioned))
    await client.send(new lambda.PublishLayerVersionCommand({ LayerName: Name, Content: { ZipFile: zip } }))
    await client.send(new lambda.PublishLayerVersionCommand({ LayerName: 'many', Content: { ZipFile: zip } }))
    const publisher = `arn:aws:signer:us-east-1:${account}:/signing-profiles/key/${'A'.repeat(43)}`
    const made = await client.send(
      new lambda.CreateCodeSigningConfigCommand({ AllowedPublishers: { SigningProfileVersionArns: [publisher] } }),
    )
    configArn = made.CodeSigningConfig?.CodeSigningConfigArn ?? ''
    await client.send(
      new lambda.CreateEventSourceMappingCommand({
        FunctionName,
        EventSourceArn: `arn:aws:jetstream:us-east-1:${account}:stream/${Name}`,
        StartingPosition: 'LATEST',
      }),
    )
  }
  for (const i of [0, 1, 2])
    await client.send(
      new lambda.PutFunctionCodeSigningConfigCommand({ FunctionName: `f${i}`, CodeSigningConfigArn: configArn }),
    )
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})

type Page = Readonly<Record<string, unknown>>
type Ask = (page: { MaxItems?: number; Marker?: string | undefined }, sender?: lambda.LambdaClient) => Promise<Page>
const ask =
  <I extends object>(command: new (input: I) => object, input: I): Ask =>
  (page, sender = client) =>
    sender.send(new command({ ...input, ...page }) as never) as unknown as Promise<Page>

/** Every operation that gives pages, and how many items its list has. */
const lists: Readonly<Record<string, readonly [Ask, number]>> = {
  ListFunctions: [ask(lambda.ListFunctionsCommand, {}), 3],
  ListVersionsByFunction: [ask(lambda.ListVersionsByFunctionCommand, { FunctionName }), 4],
  ListAliases: [ask(lambda.ListAliasesCommand, { FunctionName }), 3],
  ListFunctionUrlConfigs: [ask(lambda.ListFunctionUrlConfigsCommand, { FunctionName }), 3],
  ListFunctionEventInvokeConfigs: [ask(lambda.ListFunctionEventInvokeConfigsCommand, { FunctionName }), 3],
  ListProvisionedConcurrencyConfigs: [ask(lambda.ListProvisionedConcurrencyConfigsCommand, { FunctionName }), 3],
  ListEventSourceMappings: [ask(lambda.ListEventSourceMappingsCommand, {}), 3],
  ListLayers: [ask(lambda.ListLayersCommand, {}), 4],
  ListLayerVersions: [ask(lambda.ListLayerVersionsCommand, { LayerName: 'many' }), 3],
  ListCodeSigningConfigs: [ask(lambda.ListCodeSigningConfigsCommand, {}), 3],
  ListFunctionsByCodeSigningConfig: [
    (page, sender) =>
      ask(lambda.ListFunctionsByCodeSigningConfigCommand, { CodeSigningConfigArn: configArn })(page, sender),
    3,
  ],
}

const itemsOf = (page: Page): readonly unknown[] => Object.values(page).find(Array.isArray) ?? []

it('all lists with markers are here', () => {
  const served: readonly string[] = servedOperations
  const paged = operationNames.filter((name) => {
    const input = lambdaModel.shapes[lambdaModel.operations[name].input]
    return served.includes(name) && Object.hasOwn(input?.members ?? {}, 'Marker')
  })
  expect(Object.keys(lists).toSorted()).toEqual(paged.toSorted())
})

it.each(Object.keys(lists))(
  '%s: every item comes once, page by page, and the whole list on one page is the same',
  async (name) => {
    const [list, count] = lists[name] as readonly [Ask, number]
    const seen: unknown[] = []
    let Marker: string | undefined
    do {
      const page = await list({ MaxItems: 1, Marker })
      expect(itemsOf(page)).toHaveLength(1)
      seen.push(...itemsOf(page))
      Marker = page.NextMarker as string | undefined
    } while (Marker !== undefined && seen.length <= count)
    expect(new Set(seen.map((item) => JSON.stringify(item))).size).toBe(count)
    const whole = await list({})
    expect(seen).toEqual(itemsOf(whole))
    expect(whole.NextMarker).toBeUndefined()
  },
)

it.each(Object.keys(lists))('%s: a marker of another list or account is refused', async (name) => {
  const [list] = lists[name] as readonly [Ask, number]
  const other = Object.keys(lists).find((one) => one !== name) as string
  const { NextMarker } = await (lists[other] as readonly [Ask, number])[0]({ MaxItems: 1 })
  const refusal = { name: 'InvalidParameterValueException', message: 'Invalid marker.' }
  await expect(list({ Marker: String(NextMarker) })).rejects.toMatchObject(refusal)
  await expect(list({ Marker: 'x' })).rejects.toMatchObject(refusal)
})

it('a marker is of its account alone', async () => {
  const stranger = new lambda.LambdaClient({
    endpoint: frontend.endpoint,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: otherKeys,
  })
  const { NextMarker } = await client.send(new lambda.ListFunctionsCommand({ MaxItems: 1 }))
  await expect(stranger.send(new lambda.ListFunctionsCommand({ Marker: NextMarker }))).rejects.toMatchObject({
    name: 'InvalidParameterValueException',
  })
  stranger.destroy()
})
