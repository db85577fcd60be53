import {
  CreateAliasCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  DeleteAliasCommand,
  DeleteFunctionUrlConfigCommand,
  GetFunctionUrlConfigCommand,
  LambdaClient,
  paginateListFunctionUrlConfigs,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda'
import { functionName } from '@weft/contracts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { account, keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient
const FunctionName = 'shop'
const arn = `arn:aws:lambda:us-east-1:${account}:function:shop`

beforeAll(async () => {
  frontend = await startTestFrontend()
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
  await client.send(
    new CreateFunctionCommand({
      FunctionName,
      Role: role,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf() },
    }),
  )
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '$LATEST' }))
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})

const urlIdOf = (url: string | undefined): string => new URL(url ?? '').hostname.split('.')[0] ?? ''

it('a function and its aliases have a URL each, which leads back to them', async () => {
  const made = await client.send(
    new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE', Cors: { AllowOrigins: ['*'], MaxAge: 60 } }),
  )
  const url = new URL(made.FunctionUrl ?? '')
  expect(url.host).toMatch(/^[a-z2-7]{32}\.lambda-url\.us-east-1\.localhost:\d+$/)
  expect(url.port).toBe(new URL(frontend.endpoint).port)
  expect(url.pathname).toBe('/')
  expect(made).toMatchObject({
    FunctionArn: arn,
    AuthType: 'NONE',
    Cors: { AllowOrigins: ['*'], MaxAge: 60 },
    InvokeMode: 'BUFFERED',
  })
  const ofAlias = await client.send(
    new CreateFunctionUrlConfigCommand({ FunctionName, Qualifier: 'live', AuthType: 'AWS_IAM' }),
  )
  expect(ofAlias.FunctionArn).toBe(`${arn}:live`)
  const record = frontend.catalogue.function(account, functionName(FunctionName))
  expect(frontend.catalogue.functionOfUrl(urlIdOf(made.FunctionUrl))).toEqual({ record, qualifier: '$LATEST' })
  expect(frontend.catalogue.functionOfUrl(urlIdOf(ofAlias.FunctionUrl))).toEqual({ record, qualifier: 'live' })

  const updated = await client.send(
    new UpdateFunctionUrlConfigCommand({ FunctionName: `${arn}:live`, InvokeMode: 'RESPONSE_STREAM' }),
  )
  expect(updated).toMatchObject({
    FunctionUrl: ofAlias.FunctionUrl,
    AuthType: 'AWS_IAM',
    InvokeMode: 'RESPONSE_STREAM',
  })
  const listed: string[] = []
  for await (const page of paginateListFunctionUrlConfigs({ client, pageSize: 1 }, { FunctionName }))
    listed.push(...(page.FunctionUrlConfigs ?? []).map((one) => one.FunctionArn ?? ''))
  expect(listed).toEqual([arn, `${arn}:live`])
})

it('refuses in the words of AWS', async () => {
  await expect(
    client.send(new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE' })),
  ).rejects.toMatchObject({
    name: 'ResourceConflictException',
    message: `Failed to create function url config for [functionArn = ${arn}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
  })
  for (const input of [{ FunctionName: 'missing' }, { FunctionName, Qualifier: 'missing' }]) {
    await expect(client.send(new CreateFunctionUrlConfigCommand({ ...input, AuthType: 'NONE' }))).rejects.toMatchObject(
      {
        name: 'ResourceNotFoundException',
        message: 'Function does not exist',
      },
    )
    await expect(client.send(new GetFunctionUrlConfigCommand(input))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'The resource you requested does not exist.',
    })
  }
  // By the API model, before the function is looked for.
  await expect(
    client.send(new CreateFunctionUrlConfigCommand({ FunctionName: 'missing', Qualifier: '1', AuthType: 'NONE' })),
  ).rejects.toMatchObject({ name: 'ValidationException' })
})

it('a URL ends with its deletion or with its alias, and is never given again', async () => {
  const live = { FunctionName, Qualifier: 'live' }
  const { FunctionUrl: before } = await client.send(new GetFunctionUrlConfigCommand(live))
  await client.send(new DeleteAliasCommand({ FunctionName, Name: 'live' }))
  expect(frontend.catalogue.functionOfUrl(urlIdOf(before))).toBeUndefined()
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '$LATEST' }))
  await expect(client.send(new GetFunctionUrlConfigCommand(live))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  })
  const again = await client.send(new CreateFunctionUrlConfigCommand({ ...live, AuthType: 'NONE' }))
  expect(again.FunctionUrl).not.toBe(before)
  expect((await client.send(new DeleteFunctionUrlConfigCommand(live))).$metadata.httpStatusCode).toBe(204)
  await expect(client.send(new DeleteFunctionUrlConfigCommand(live))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  })
})
