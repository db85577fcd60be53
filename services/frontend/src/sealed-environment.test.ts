import {
  CreateFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { account, keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/frontend.ts'

let frontend: TestFrontend
let client: LambdaClient
beforeEach(async () => {
  frontend = await startTestFrontend()
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
  await client.send(
    new CreateFunctionCommand({
      FunctionName: 'f',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: role,
      Code: { ZipFile: await zipOf() },
      Environment: { Variables: { KEY: 'b' } },
      KMSKeyArn: `arn:aws:kms:us-east-1:${account}:key/mine`,
    }),
  )
})
afterEach(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})

/** What a frontend without the master key makes of the record. */
function close(): void {
  const store = frontend.catalogue.functionStore
  const stored = store.entries.get(`${account}.f`)
  if (!stored) throw new Error('no function')
  const environmentError = { code: 'KMSNotFoundException', message: 'the key was not found' } as const
  const { value } = stored
  store.put(`${account}.f`, { ...value, sealed: '…', latest: { ...value.latest, environment: {}, environmentError } })
}

const refusal = (sent: Promise<unknown>) =>
  sent.then(
    () => undefined,
    (error: { name: string; message: string; $metadata: { httpStatusCode: number } }) => ({
      name: error.name,
      message: error.message,
      status: error.$metadata.httpStatusCode,
    }),
  )
const notFound = { name: 'KMSNotFoundException', message: 'the key was not found', status: 502 }

it('tells the key that was named for the variables, changes it and takes it away', async () => {
  const keyOf = async () => (await client.send(new GetFunctionCommand({ FunctionName: 'f' }))).Configuration?.KMSKeyArn
  expect(await keyOf()).toBe(`arn:aws:kms:us-east-1:${account}:key/mine`)
  const change = (KMSKeyArn: string) =>
    client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', KMSKeyArn }))
  await change('arn:aws:kms:us-east-1:1:key/other')
  expect(await keyOf()).toBe('arn:aws:kms:us-east-1:1:key/other')
  await change('')
  expect(await keyOf()).toBeUndefined()
})

it('refuses to run or publish a function whose variables stay closed, and says so where they would be', async () => {
  close()
  expect(await refusal(client.send(new InvokeCommand({ FunctionName: 'f' })))).toEqual(notFound)
  expect(await refusal(client.send(new InvokeCommand({ FunctionName: 'f', InvocationType: 'Event' })))).toEqual(
    notFound,
  )
  expect(await refusal(client.send(new PublishVersionCommand({ FunctionName: 'f' })))).toEqual(notFound)
  expect(frontend.invoker.calls).toEqual([])
  const { Environment } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'f' }))
  expect(Environment).toEqual({ Error: { ErrorCode: 'KMSNotFoundException', Message: 'the key was not found' } })
})

it('runs it again once it has new variables', async () => {
  close()
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Timeout: 9 }))
  expect(await refusal(client.send(new InvokeCommand({ FunctionName: 'f' })))).toEqual(notFound)
  const Environment = { Variables: { OTHER: 'd' } }
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Environment }))
  expect((await client.send(new InvokeCommand({ FunctionName: 'f' }))).StatusCode).toBe(200)
  expect(frontend.invoker.calls[0]?.target.version.environment).toEqual({ OTHER: 'd' })
})
