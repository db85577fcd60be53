import {
  CreateFunctionCommand,
  GetFunctionCommand,
  LambdaClient,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda'
import { openPackage } from '@weft/platform'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { account, keys, role, startTestFrontend, type TestFrontend, zipOf } from '../testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient
const FunctionName = 'sealed'
const SourceKMSKeyArn = `arn:aws:kms:us-east-1:${account}:key/0f3a`

beforeAll(async () => {
  frontend = await startTestFrontend()
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})

const codeOf = () => {
  const record = frontend.catalogue.functions(account).find((one) => one.functionName === FunctionName)
  if (!record) throw new Error('no function')
  return record.latest.code
}
const show = async () => (await client.send(new GetFunctionCommand({ FunctionName }))).Code

it('a package whose key is named lies sealed, and shows as it is to who may see it', async () => {
  const zip = await zipOf()
  const common = { FunctionName, Role: role, Runtime: 'nodejs24.x', Handler: 'index.handler' } as const
  const made = await client.send(new CreateFunctionCommand({ ...common, Code: { ZipFile: zip, SourceKMSKeyArn } }))
  const { digest, key = '', sha256, sizeBytes } = codeOf()
  expect([made.CodeSha256, made.CodeSize]).toEqual([sha256, zip.byteLength])
  expect(sizeBytes).toBe(zip.byteLength)
  const stored = Buffer.from(await frontend.code.get(digest))
  expect(stored.includes('index.mjs')).toBe(false)
  expect(openPackage(stored, key)).toEqual(zip)

  const shown = await show()
  expect(shown?.SourceKMSKeyArn).toBe(SourceKMSKeyArn)
  expect(shown?.Location).not.toContain(encodeURIComponent(key))
  expect(Buffer.from(await (await fetch(shown?.Location ?? '')).arrayBuffer())).toEqual(zip)
  const [link = '', query] = shown?.Location?.split('?') ?? []
  const forged = new URLSearchParams(query)
  forged.delete('Key')
  expect((await fetch(`${link}?${forged}`)).status).toBe(403)
})

it('the same package again is no change; without a key it lies open again', async () => {
  const { digest } = codeOf()
  const ZipFile = await zipOf()
  await client.send(new PublishVersionCommand({ FunctionName }))
  await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile, SourceKMSKeyArn }))
  expect(codeOf().digest).toBe(digest)
  expect((await client.send(new PublishVersionCommand({ FunctionName }))).Version).toBe('1')
  await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }))
  expect((await show())?.SourceKMSKeyArn).toBeUndefined()
  expect(Buffer.from(await frontend.code.get(codeOf().digest))).toEqual(ZipFile)
})
