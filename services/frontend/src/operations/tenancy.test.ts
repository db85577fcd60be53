import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  CreateFunctionUrlConfigCommand,
  GetFunctionCommand,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { account, keys, role, startTestFrontend, type TestFrontend, zipOf } from '../testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient

const create = async (more: Partial<CreateFunctionCommandInput>) =>
  client.send(
    new CreateFunctionCommand({
      ...{ FunctionName: 'shared', Role: role, Runtime: 'nodejs24.x', Handler: 'index.handler' },
      Code: { ZipFile: await zipOf() },
      ...more,
    }),
  )
const invoke = (more: Partial<InvokeCommandInput>) =>
  client.send(new InvokeCommand({ FunctionName: 'shared', Payload: Buffer.from('{}'), ...more }))

beforeAll(async () => {
  frontend = await startTestFrontend({ provisionedStates: { status: async () => undefined } })
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
  await create({ TenancyConfig: { TenantIsolationMode: 'PER_TENANT' } })
  await create({ FunctionName: 'plain' })
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})

it('is told of the function, and fixed', async () => {
  const shown = await client.send(new GetFunctionCommand({ FunctionName: 'shared' }))
  expect(shown.Configuration?.TenancyConfig).toEqual({ TenantIsolationMode: 'PER_TENANT' })
  expect((await client.send(new GetFunctionCommand({ FunctionName: 'plain' }))).Configuration).not.toHaveProperty(
    'TenancyConfig',
  )
})

it('every call names its tenant, and calls of other functions none', async () => {
  await invoke({ TenantId: 'blue co' })
  expect(frontend.invoker.calls.at(-1)?.tenantId).toBe('blue co')
  await invoke({ TenantId: 'green', InvocationType: 'Event' })
  expect(frontend.events.events.at(-1)?.tenantId).toBe('green')
  for (const InvocationType of ['RequestResponse', 'Event', 'DryRun'] as const)
    await expect(invoke({ InvocationType })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      $metadata: { httpStatusCode: 400 },
      message:
        'The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.',
    })
  await expect(invoke({ FunctionName: 'plain', TenantId: 'a' })).rejects.toMatchObject({
    name: 'InvalidParameterValueException',
  })
  await expect(invoke({ TenantId: 'a*b' })).rejects.toMatchObject({ name: 'ValidationException' })
})

it('what has no tenant to name does not go with it', async () => {
  await client.send(new PublishVersionCommand({ FunctionName: 'shared' }))
  const refused = (feature: string) => ({
    name: 'InvalidParameterValueException',
    message: `${feature} is not supported for functions with tenant isolation mode enabled.`,
  })
  const FunctionName = 'shared'
  await expect(
    client.send(
      new PutProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier: '1', ProvisionedConcurrentExecutions: 1 }),
    ),
  ).rejects.toMatchObject(refused('Provisioned concurrency'))
  await expect(
    client.send(new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE' })),
  ).rejects.toMatchObject(refused('A function URL'))
  const EventSourceArn = `arn:aws:jetstream:us-east-1:${account}:stream/orders`
  await expect(
    client.send(new CreateEventSourceMappingCommand({ FunctionName, EventSourceArn, StartingPosition: 'LATEST' })),
  ).rejects.toMatchObject(refused('An event source mapping'))
  await expect(
    create({
      ...{ FunctionName: 'snap', TenancyConfig: { TenantIsolationMode: 'PER_TENANT' } },
      SnapStart: { ApplyOn: 'PublishedVersions' },
    }),
  ).rejects.toMatchObject(refused('SnapStart'))
})
