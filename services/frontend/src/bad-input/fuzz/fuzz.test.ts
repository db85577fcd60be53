import { lambdaModel, operationNames } from '@weft/aws'
import { type CodeSigningConfig, codeSigningArn, layerArn } from '@weft/contracts'
import type { MemoryStore } from '@weft/registry/testing'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  account,
  otherAccount,
  rawRequest,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from '../../testing/index.ts'
import { json } from '../harness.ts'
import { problemOf } from './answers.ts'
import { requests } from './requests.ts'
import type { Pool } from './values.ts'

/** Enough to meet every operation a dozen times; more with FUZZ_RUNS. */
const runs = Number(process.env.FUZZ_RUNS ?? 1_200)

let frontend: TestFrontend
let pool: Pool
/** What every request finds, so that one that deletes does not spoil the next. */
let stores: { readonly store: MemoryStore<never>; readonly entries: ReadonlyMap<string, never> }[]
const arn = `arn:aws:lambda:us-east-1:${account}:function:one`

beforeAll(async () => {
  frontend = await startTestFrontend({
    provisionedStates: { status: async () => ({ allocated: 1, available: 1, status: 'READY' }) },
    networks: () => ['subnet-1', 'sg-1'],
  })
  const ZipFile = (await zipOf()).toString('base64')
  const send = async (method: string, path: string, body: object): Promise<Record<string, never>> => {
    const answer = await rawRequest(frontend.endpoint, { method, path, body: json(body) })
    expect([200, 201, 202]).toContain(answer.status)
    return JSON.parse(answer.text)
  }
  const functions = '/2015-03-31/functions'
  const settings = { FunctionName: 'one', Runtime: 'nodejs24.x', Role: role, Handler: 'index.handler' }
  await send('POST', functions, { ...settings, Code: { ZipFile }, Publish: true })
  await send('POST', `${functions}/one/aliases`, { Name: 'live', FunctionVersion: '1' })
  await send('POST', '/2021-10-31/functions/one/url', { AuthType: 'NONE' })
  await send('PUT', '/2019-09-30/functions/one/provisioned-concurrency?Qualifier=1', {
    ProvisionedConcurrentExecutions: 1,
  })
  await send('PUT', '/2019-09-25/functions/one/event-invoke-config', { MaximumRetryAttempts: 1 })
  await send('POST', '/2018-10-31/layers/tools/versions', { Content: { ZipFile } })
  const permission = { StatementId: 'one', Principal: '*' }
  await send('POST', `${functions}/one/policy`, { ...permission, Action: 'lambda:InvokeFunction' })
  await send('POST', '/2018-10-31/layers/tools/versions/1/policy', { ...permission, Action: 'lambda:GetLayerVersion' })
  const thumbprint = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
  const publisher = `arn:aws:signer:us-east-1:${account}:/signing-profiles/release/${thumbprint}`
  await send('POST', '/2020-04-22/code-signing-configs', {
    AllowedPublishers: { SigningProfileVersionArns: [publisher] },
  })
  const [config] = frontend.codeSigning.list('') as [CodeSigningConfig]
  const configArn = codeSigningArn('us-east-1', account, config.id)
  const stream = `arn:aws:jetstream:us-east-1:${account}:stream/orders`
  const mapping = await send('POST', '/2015-03-31/event-source-mappings', {
    FunctionName: 'one',
    EventSourceArn: stream,
    StartingPosition: 'TRIM_HORIZON',
  })
  const toolsArn = layerArn('us-east-1', account, 'tools')
  pool = {
    FunctionName: [
      'one',
      'one',
      'one:live',
      'one:1',
      arn,
      `${arn}:live`,
      `${account}:function:one`,
      'missing',
      'fresh',
    ],
    Qualifier: ['live', '1', '$LATEST', 'missing', '9'],
    FunctionVersion: ['1', '$LATEST', 'ALL', '9'],
    Name: ['live', 'beta'],
    Runtime: ['nodejs24.x', 'python3.13', 'cobol'],
    CompatibleRuntime: ['nodejs24.x', 'python3.13'],
    CompatibleRuntimes: ['nodejs24.x', 'python3.13'],
    Role: [role],
    Handler: ['index.handler'],
    ZipFile: [ZipFile],
    LayerName: ['tools', toolsArn, 'missing'],
    VersionNumber: ['1', '2', '0'],
    Layers: [`${toolsArn}:1`, `${toolsArn}:9`, layerArn('us-east-1', otherAccount, 'tools', 1)],
    Arn: [`${toolsArn}:1`],
    Resource: [arn, configArn, `arn:aws:lambda:us-east-1:${account}:event-source-mapping:${mapping.UUID}`],
    ResourceArn: [arn, `${arn}:live`],
    Policy: [
      json({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: '*', Action: 'lambda:InvokeFunction', Resource: arn }],
      }),
      '{}',
    ],
    CodeSigningConfigArn: [configArn],
    SigningProfileVersionArns: [publisher],
    SubnetIds: ['subnet-1', 'subnet-2'],
    SecurityGroupIds: ['sg-1'],
    UUID: [String(mapping.UUID), '00000000-0000-0000-0000-000000000000'],
    EventSourceArn: [stream],
    TargetArn: [stream, arn],
    Destination: [stream, arn],
    StatementId: ['one', 'two'],
    Action: ['lambda:InvokeFunction', 'lambda:GetLayerVersion'],
    Principal: ['*', account, 'events.amazonaws.com', `arn:aws:iam::${otherAccount}:root`],
    Pattern: ['{"data":{"a":[1]}}', '{"data":{"a":[{"numeric":[">",5]}]}}', '{"a":[{"prefix":"x"}]}', '{'],
    AllowOrigins: ['*', 'https://a.example'],
    AllowMethods: ['GET', '*'],
    Payload: ['{}', 'null', '{"a":1}', 'no json'],
    InvokeArgs: ['{}'],
  }
  const all = [...Object.values(frontend.catalogue.stores), frontend.layers.store, frontend.codeSigning.store]
  stores = all.map((store) => {
    const memory = store as unknown as MemoryStore<never>
    return { store: memory, entries: new Map(memory.entries) as unknown as ReadonlyMap<string, never> }
  })
}, 120_000)
afterAll(() => frontend[Symbol.asyncDispose]())

it('every valid or nearly valid request gets an answer of the right shape, and never a 5xx', async () => {
  const answered = new Map<string, Set<number>>()
  let tried = 0
  await fc.assert(
    fc.asyncProperty(requests(pool), async (fuzzed) => {
      for (const { store, entries } of stores) {
        store.entries.clear()
        for (const [key, value] of entries) store.entries.set(key, value)
      }
      tried += 1
      const answer = await rawRequest(frontend.endpoint, fuzzed.request)
      answered.set(fuzzed.operation, (answered.get(fuzzed.operation) ?? new Set()).add(answer.status))
      const problem = problemOf(fuzzed, answer)
      if (problem) throw new Error(`${problem}: ${answer.status} ${answer.text.slice(0, 500)}`)
    }),
    { numRuns: runs },
  )
  const succeeded = [...answered.values()].filter((statuses) => [...statuses].some((status) => status < 300)).length
  console.info(
    `fuzzed requests tried: ${tried}; operations met: ${answered.size} of ${operationNames.length}, ${succeeded} of them with success`,
  )
  expect(answered.size).toBe(Object.keys(lambdaModel.operations).length)
  const next = await rawRequest(frontend.endpoint, {
    path: '/2015-03-31/functions/one/invocations',
    body: '{"good":1}',
  })
  expect(next).toMatchObject({ status: 200, text: '{"good":1}' })
}, 600_000)
