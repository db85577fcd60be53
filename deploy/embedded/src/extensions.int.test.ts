import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  LambdaClient,
  PublishLayerVersionCommand,
} from '@aws-sdk/client-lambda'
import { startFabric, type TestFabric } from '@weft/kit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { zipFolder } from './demo/zip-folder.ts'

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url))
const FunctionName = 'counted'
let fabric: TestFabric
let lambda: LambdaClient

beforeAll(async () => {
  fabric = await startFabric()
  const { http, region, accessKeyId, secretAccessKey } = fabric.connection
  lambda = new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey } })
})
afterAll(async () => {
  lambda.destroy()
  await fabric[Symbol.asyncDispose]()
})

test('an extension from a layer, published and used through the public API', async () => {
  const layer = await lambda.send(
    new PublishLayerVersionCommand({
      LayerName: 'call-counter',
      Content: { ZipFile: await zipFolder(join(examples, 'extension/')) },
    }),
  )
  await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 30 },
      Role: `arn:aws:iam::${fabric.connection.accountId}:role/counted`,
      Code: { ZipFile: await zipFolder(join(examples, 'hello/')) },
      Layers: [layer.LayerVersionArn as string],
    }),
  )
  const logOf = async (): Promise<readonly string[]> => {
    const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: '{"name":"Ada"}', LogType: 'Tail' }))
    expect(answer.FunctionError).toBeUndefined()
    return Buffer.from(answer.LogResult ?? '', 'base64')
      .toString('utf8')
      .split('\n')
  }
  const first = await logOf()
  expect(first).toContain('EXTENSION\tName: call-counter\tState: Ready\tEvents: [INVOKE, SHUTDOWN]')
  expect(first).toContain('TELEMETRY\tName: call-counter\tState: Subscribed\tTypes: [Platform]')
  expect(first).toContain('call-counter: call 1')
  expect(await logOf()).toContain('call-counter: call 2')
  await lambda.send(new DeleteFunctionCommand({ FunctionName }))
})
