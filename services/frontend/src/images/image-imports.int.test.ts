import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda'
import { startFabric, type TestFabric } from '@weft/kit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf, FakeRegistry } from '../testing/fake-registry.ts'

const FunctionName = 'f'
const layers = [gzipSync('base'), gzipSync(randomBytes(5_000_000))]
const digests = layers.map(digestOf)
let registry: FakeRegistry
let fabric: TestFabric

beforeAll(async () => {
  registry = await FakeRegistry.start()
  fabric = await startFabric({ args: ['--registries', registry.host] })
})
afterAll(async () => {
  await fabric[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const client = (): LambdaClient => {
  const { http, region, accessKeyId, secretAccessKey } = fabric.connection
  return new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey } })
}
/** How often each layer was asked for. */
const asked = (): number[] =>
  digests.map((digest) => registry.requests.filter((one) => one.endsWith(`/blobs/sha256:${digest}`)).length)

test('an image goes on being brought after a kill, with the layers that are not stored yet', async () => {
  // The second layer comes half, and then nothing more until the fabric is dead.
  const half = Promise.withResolvers<void>()
  let isKilled = false
  registry.intrusion = ({ url = '' }, response) => {
    const blob = layers[1] as Buffer
    if (isKilled || !url.endsWith(digestOf(blob))) return false
    response
      .writeHead(200, { 'content-length': blob.length })
      .write(blob.subarray(0, blob.length / 2), () => half.resolve())
    return true
  }
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
  registry.push('app', 'v1', { layers, architecture })
  const before = client()
  const Role = `arn:aws:iam::${fabric.connection.accountId}:role/r`
  const code = { PackageType: 'Image', Code: { ImageUri: `${registry.host}/app:v1` } } as const
  await before.send(new CreateFunctionCommand({ FunctionName, Role, Publish: true, ...code }))
  await half.promise
  expect(asked()).toEqual([1, 1])
  fabric.kill('SIGKILL')
  isKilled = true
  before.destroy()
  await fabric.restart()

  const after = client()
  const told = (Qualifier?: string) => after.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier }))
  expect(await told()).toMatchObject({ State: 'Pending', StateReasonCode: 'Creating' })
  const patience = { client: after, minDelay: 1, maxDelay: 1, maxWaitTime: 120 }
  await waitUntilFunctionActiveV2(patience, { FunctionName })
  expect(await told('1')).toMatchObject({ State: 'Active', PackageType: 'Image' })
  expect(asked()).toEqual([1, 2])
  after.destroy()
})
