import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FabricConnection, type InvocationRecord, limits, streams } from '@weft/contracts'
import { startFabric, type TestFabric } from '@weft/kit'
import { loadKeyring, type NatsLink, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { type Door, type DoorAnswer, type DoorCall, grpcDoor, natsDoor, restDoor } from './testing/call-doors.ts'
import { grpcManagement, type ManagementDoor, type Members, restManagement } from './testing/manage-doors.ts'

const code = `export const handler = async (event, context) => {
  if (event?.fail) throw new Error('as told')
  const { invokedFunctionArn: arn, functionVersion: version, clientContext: client = null, awsRequestId: id } = context
  return { event, arn, version, client, id }
}
`
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
const opened = new AsyncDisposableStack()
let fabric: TestFabric
let doors: Readonly<Record<'rest' | 'grpc' | 'nats', Door>>
let manage: Readonly<Record<'rest' | 'grpc', ManagementDoor>>
let admin: NatsLink
let zip: Buffer

beforeAll(async () => {
  fabric = opened.use(await startFabric({ args: ['--durability', 'default'] }))
  const { connection, dataDir } = fabric
  const open = async (creds: string): Promise<NatsLink> =>
    opened.use(await openLink({ servers: [connection.nats], name: 'test', creds, log: silentLogger }))
  const link = await open(readFileSync(connection.natsCreds, 'utf8'))
  admin = await open(await loadKeyring(join(dataDir, 'keys'), { tenantStorageBytes: 0 }).serviceCreds('admin'))
  doors = {
    rest: restDoor(connection),
    grpc: opened.use(grpcDoor(connection)),
    nats: natsDoor(connection, link),
  }
  manage = { rest: opened.use(restManagement(connection)), grpc: opened.use(grpcManagement(connection)) }
  zip = await zipOf(code)
  await create(manage.rest, 'echo')
  await manage.rest('PublishVersion', { FunctionName: 'echo' })
  await manage.rest('CreateAlias', { FunctionName: 'echo', Name: 'live', FunctionVersion: '1' })
})
afterAll(() => opened.disposeAsync())

async function zipOf(text: string): Promise<Buffer> {
  const file = new ZipFile()
  file.addBuffer(Buffer.from(text), 'index.mjs')
  file.end()
  const parts: Buffer[] = []
  for await (const part of file.outputStream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

const roleOf = ({ accountId }: FabricConnection): string => `arn:aws:iam::${accountId}:role/test`
const create = (door: ManagementDoor, FunctionName: string) =>
  door('CreateFunction', {
    FunctionName,
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Role: roleOf(fabric.connection),
    Code: { ZipFile: zip },
  })

/** Without what is another's for every call: the id, which the function must have seen too. */
function told({ requestId, answered, refused }: DoorAnswer): unknown {
  expect(requestId).toMatch(new RegExp(`^${uuid.source}$`))
  if (!answered) return { refused }
  const payload = answered.payload.replaceAll(requestId, 'ID')
  expect(payload === '' || payload.includes('"id":"ID"') || answered.functionError !== '').toBe(true)
  return { ...answered, payload: payload.replaceAll(/"(trace|requestId|stackTrace)":(\[[^\]]*\]|"[^"]*"),?/g, '') }
}

const payload = fc.oneof(
  { weight: 6, arbitrary: fc.jsonValue({ maxDepth: 3 }).map((value) => Buffer.from(JSON.stringify(value))) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '{', '{"fail":true}', '\u0000', 'null').map((text) => Buffer.from(text)),
  },
  { weight: 1, arbitrary: fc.constant(Buffer.from([0x22, 0xff, 0x22])) },
)
const call: fc.Arbitrary<DoorCall> = fc.record({
  name: fc.oneof({ weight: 8, arbitrary: fc.constant('echo') }, { weight: 1, arbitrary: fc.constant('missing') }),
  qualifier: fc.constantFrom(undefined, undefined, '$LATEST', '1', 'live', '9', 'nope'),
  payload,
  clientContext: fc.constantFrom(
    undefined,
    undefined,
    Buffer.from('{"custom":{"a":"b"}}').toString('base64'),
    Buffer.from('[]').toString('base64'),
    'no*base64',
    'A'.repeat(limits.clientContextBytes + 1),
  ),
  logTail: fc.boolean(),
  dryRun: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})

test('the same call has the same result through REST, gRPC and NATS, and leaves the same record', async () => {
  const ids: string[][] = []
  await fc.assert(
    fc.asyncProperty(call, async (one) => {
      const answers = [await doors.rest(one), await doors.grpc(one), await doors.nats(one)] as const
      const [rest, grpc, nats] = answers.map(told)
      expect(grpc).toEqual(rest)
      expect(nats).toEqual(rest)
      if (answers[0].answered && !one.dryRun) ids.push(answers.map(({ requestId }) => requestId))
    }),
    { numRuns: 60 },
  )
  expect(ids.length).toBeGreaterThan(5)
  const wanted = ids.flat()
  let records: ReadonlyMap<string, InvocationRecord> = new Map()
  const missing = async (): Promise<readonly string[]> => {
    records = await invocations()
    return wanted.filter((id) => !records.has(id))
  }
  await expect.poll(missing, { timeout: 30_000 }).toEqual([])
  for (const triple of ids) {
    const [rest, grpc, nats] = triple.map((id) => comparableRecord(records.get(id)))
    expect(grpc).toEqual(rest)
    expect(nats).toEqual(rest)
  }
})

async function invocations(): Promise<Map<string, InvocationRecord>> {
  const found = new Map<string, InvocationRecord>()
  const consumer = await admin.js.consumers.get(streams.records)
  let { num_pending: left } = await consumer.info()
  if (left === 0) return found
  for await (const message of await consumer.consume()) {
    for (const line of message.string().trimEnd().split('\n')) {
      const record = JSON.parse(line) as InvocationRecord
      found.set(record.requestId, record)
    }
    if (--left === 0) break
  }
  return found
}

const comparableRecord = (record: InvocationRecord | undefined) =>
  record && {
    version: record.version,
    source: record.source,
    attempt: record.attempt,
    status: record.status,
    errorType: record.errorType,
    memoryMb: record.memoryMb,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
  }

test('the limits of payloads are the same, to the byte', async () => {
  const ofBytes = (bytes: number): DoorCall => {
    const filled = Buffer.alloc(bytes, ' ')
    filled.write('{"fail":true}')
    return { name: 'echo', payload: filled, logTail: false, dryRun: false }
  }
  for (const [bytes, fits] of [
    [limits.syncPayloadBytes, true],
    [limits.syncPayloadBytes + 1, false],
  ] as const) {
    const [rest, grpc, nats] = [
      await doors.rest(ofBytes(bytes)),
      await doors.grpc(ofBytes(bytes)),
      await doors.nats(ofBytes(bytes)),
    ].map(told)
    expect(rest).toMatchObject(fits ? { functionError: 'Unhandled' } : { refused: { http: 413 } })
    expect(grpc).toEqual(rest)
    expect(nats).toEqual(rest)
  }
})

/** A step of managing a function that is named when it is done. */
type Step = readonly [operation: string, input: (name: string) => Members]

const version = fc.constantFrom('$LATEST', '1', '2', '9', 'x y')
const alias = fc.constantFrom('live', 'beta', '1', 'bad name')
const weights = fc.constantFrom(undefined, { 1: 0.3 }, { 2: 1 }, { 1: 2 }, { 1: 0.1, 2: 0.1 })
const named = (operation: string, more: fc.Arbitrary<Members>): fc.Arbitrary<Step> =>
  more.map((input) => [operation, (FunctionName) => ({ FunctionName, ...without(input) })] as const)
const tagged = (operation: string, more: fc.Arbitrary<Members>): fc.Arbitrary<Step> =>
  more.map(
    (input) =>
      [
        operation,
        (name) => ({
          Resource: `arn:aws:lambda:${fabric.connection.region}:${fabric.connection.accountId}:function:${name}`,
          ...input,
        }),
      ] as const,
  )
const without = (input: Members): Members =>
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))

const step: fc.Arbitrary<Step> = fc.oneof(
  named('PublishVersion', fc.record({ Description: fc.constantFrom(undefined, 'a', 'x'.repeat(257)) })),
  named('ListVersionsByFunction', fc.record({ MaxItems: fc.constantFrom(undefined, 0, 1, 50) })),
  named(
    'CreateAlias',
    fc.record({
      Name: alias,
      FunctionVersion: version,
      RoutingConfig: weights.map(routing),
      Description: fc.constantFrom(undefined, 'd'),
    }),
  ),
  named('UpdateAlias', fc.record({ Name: alias, FunctionVersion: version, RoutingConfig: weights.map(routing) })),
  named('GetAlias', fc.record({ Name: alias })),
  named(
    'ListAliases',
    fc.record({ FunctionVersion: fc.constantFrom(undefined, '1'), MaxItems: fc.constantFrom(undefined, 1, 10_001) }),
  ),
  named('DeleteAlias', fc.record({ Name: alias })),
  named('PutFunctionConcurrency', fc.record({ ReservedConcurrentExecutions: fc.constantFrom(-1, 0, 5, 100_000) })),
  named('GetFunctionConcurrency', fc.constant({})),
  named('DeleteFunctionConcurrency', fc.constant({})),
  named(
    'PutFunctionEventInvokeConfig',
    fc.record({
      Qualifier: fc.constantFrom(undefined, '$LATEST', 'live', '9'),
      MaximumRetryAttempts: fc.constantFrom(undefined, 0, 2, 3),
      MaximumEventAgeInSeconds: fc.constantFrom(undefined, 59, 60, 21_600),
    }),
  ),
  named('UpdateFunctionEventInvokeConfig', fc.record({ MaximumRetryAttempts: fc.constantFrom(0, 1) })),
  named('GetFunctionEventInvokeConfig', fc.record({ Qualifier: fc.constantFrom(undefined, 'live') })),
  named('ListFunctionEventInvokeConfigs', fc.constant({})),
  named('DeleteFunctionEventInvokeConfig', fc.constant({})),
  named(
    'UpdateFunctionConfiguration',
    fc.record({
      Timeout: fc.constantFrom(undefined, 0, 3, 900, 901),
      MemorySize: fc.constantFrom(undefined, 127, 256),
      Environment: fc.constantFrom(undefined, { Variables: { KEY: 'value' } }, { Variables: { AWS_REGION: 'x' } }),
      RevisionId: fc.constantFrom(undefined, 'stale'),
    }),
  ),
  named('GetFunctionConfiguration', fc.record({ Qualifier: fc.constantFrom(undefined, '1', 'live', '9', 'bad name') })),
  named(
    'CreateEventSourceMapping',
    fc.record({
      EventSourceArn: fc.constantFrom(
        'arn:aws:jetstream:us-east-1:000000000000:stream/ORDERS',
        'arn:aws:sqs:x',
        undefined,
      ),
      BatchSize: fc.constantFrom(undefined, 0, 10, 10_001),
      StartingPosition: fc.constantFrom(undefined, 'LATEST', 'NEVER'),
      Enabled: fc.constant(false),
    }),
  ),
  tagged('TagResource', fc.constantFrom({ Tags: { a: 'b', C: 'd' } }, { Tags: { 'aws:x': 'y' } })),
  tagged('UntagResource', fc.constantFrom({ TagKeys: ['a'] }, { TagKeys: ['a', 'zz'] })),
  tagged('ListTags', fc.constant({})),
  fc.constant(['GetAccountSettings', () => ({})] as const),
)

function routing(AdditionalVersionWeights: Readonly<Record<string, number>> | undefined): Members | undefined {
  return AdditionalVersionWeights && { AdditionalVersionWeights }
}

test('the same steps of management have the same answers through REST and gRPC', async () => {
  let run = 0
  let refusals = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
      run++
      const told = async (door: 'rest' | 'grpc') => {
        const name = `${door}-${run}`
        const answers = [await create(manage[door], name)]
        for (const [operation, input] of steps) answers.push(await manage[door](operation, input(name)))
        await manage[door]('DeleteFunction', { FunctionName: name })
        const text = JSON.stringify(answers, null, 1)
        return text
          .replaceAll(name, 'F')
          .replaceAll(uuid, 'UUID')
          .replaceAll(/"\d{4}-\d\d-\d\dT[^"]+"/g, '"TIME"')
      }
      const rest = await told('rest')
      refusals += rest.split('"refused"').length - 1
      expect(await told('grpc')).toBe(rest)
    }),
    { numRuns: 25 },
  )
  expect(refusals).toBeGreaterThan(10)
})
