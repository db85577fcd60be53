import * as lambda from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  account,
  keys,
  otherAccount,
  otherKeys,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from './testing/index.ts'

let frontend: TestFrontend
let client: lambda.LambdaClient
let stranger: lambda.LambdaClient
const ResourceArn = `arn:aws:lambda:us-east-1:${account}:function:f`
const statement = (change: object = {}) => ({
  Sid: 'theirs',
  Effect: 'Allow',
  Principal: { AWS: `arn:aws:iam::${otherAccount}:root` },
  Action: 'lambda:InvokeFunction',
  Resource: ResourceArn,
  ...change,
})
const document = (...Statement: object[]): string => JSON.stringify({ Version: '2012-10-17', Statement })
const put = (Policy: string, more: object = {}) =>
  client.send(new lambda.PutResourcePolicyCommand({ ResourceArn, Policy, ...more }))
const get = () => client.send(new lambda.GetResourcePolicyCommand({ ResourceArn }))
const call = (FunctionName: string) => stranger.send(new lambda.InvokeCommand({ FunctionName }))

beforeAll(async () => {
  frontend = await startTestFrontend()
  const common = { endpoint: frontend.endpoint, region: 'us-east-1', maxAttempts: 1 }
  client = new lambda.LambdaClient({ ...common, credentials: keys })
  stranger = new lambda.LambdaClient({ ...common, credentials: otherKeys })
  await client.send(
    new lambda.CreateFunctionCommand({
      FunctionName: 'f',
      Role: role,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf() },
    }),
  )
})
afterAll(async () => {
  client.destroy()
  stranger.destroy()
  await frontend[Symbol.asyncDispose]()
})

it('a policy that is given as a document decides, and takes the place of single permissions', async () => {
  await expect(get()).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  await client.send(
    new lambda.AddPermissionCommand({
      FunctionName: 'f',
      StatementId: 'before',
      Action: 'lambda:InvokeFunction',
      Principal: otherAccount,
    }),
  )
  expect((await call(ResourceArn)).StatusCode).toBe(200)
  const denied = statement({ Sid: 'no', Effect: 'Deny' })
  const { RevisionId, Policy } = await put(document(statement(), denied))
  expect(JSON.parse(Policy ?? '').Statement).toEqual([statement(), denied])
  await expect(call(ResourceArn)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  expect(await get()).toMatchObject({ RevisionId, Policy })
  const { Policy: same } = await client.send(new lambda.GetPolicyCommand({ FunctionName: 'f' }))
  expect(same).toBe(Policy)

  await expect(put(document(statement()), { RevisionId: 'stale' })).rejects.toMatchObject({
    name: 'PreconditionFailedException',
  })
  await put(document(statement()), { RevisionId })
  expect((await call(ResourceArn)).StatusCode).toBe(200)
  const remove = new lambda.DeleteResourcePolicyCommand({ ResourceArn })
  expect((await client.send(remove)).$metadata.httpStatusCode).toBe(204)
  await expect(client.send(remove)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  await expect(call(ResourceArn)).rejects.toMatchObject({ name: 'AccessDeniedException' })
})

it('only functions, versions and aliases have one, and only their owner gives it', async () => {
  for (const arn of [`${ResourceArn}:$LATEST`, `arn:aws:lambda:us-east-1:${account}:layer:l:1`, 'f'])
    await expect(
      client.send(new lambda.PutResourcePolicyCommand({ ResourceArn: arn, Policy: document(statement()) })),
    ).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
  await expect(
    client.send(new lambda.GetResourcePolicyCommand({ ResourceArn: `${ResourceArn}:9` })),
  ).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  await expect(
    stranger.send(new lambda.PutResourcePolicyCommand({ ResourceArn, Policy: document(statement()) })),
  ).rejects.toMatchObject({ name: 'AccessDeniedException' })
})
