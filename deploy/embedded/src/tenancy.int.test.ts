import { readFile } from 'node:fs/promises'
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  PutRuntimeManagementConfigCommand,
} from '@aws-sdk/client-lambda'
import { createInbox, headers as natsHeaders } from '@nats-io/transport-node'
import { accountId, functionName, headers, subjects } from '@weft/contracts'
import { startFabric, type TestFabric } from '@weft/kit'
import { openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { zipText } from './testing/zip-text.ts'

const source = `
let seen = []
export const handler = async (event, context) => {
  seen.push(context.tenantId)
  console.log('for', context.tenantId)
  return { tenant: context.tenantId, seen, file: event.file }
}
`
let fabric: TestFabric
let client: LambdaClient
const FunctionName = 'shared'

beforeAll(async () => {
  fabric = await startFabric({ args: ['--sandbox', 'process'] })
  const { http, region, accessKeyId, secretAccessKey } = fabric.connection
  client = new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 })
  await client.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 30 },
      Role: `arn:aws:iam::${fabric.connection.accountId}:role/weft-full-access`,
      // Its package lies sealed, which its environments do not notice.
      Code: {
        ZipFile: await zipText('index.mjs', source),
        SourceKMSKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/a',
      },
      TenancyConfig: { TenantIsolationMode: 'PER_TENANT' },
      LoggingConfig: { LogFormat: 'JSON' },
    }),
  )
})

afterAll(async () => {
  client.destroy()
  await fabric[Symbol.asyncDispose]()
})

async function call(TenantId: string) {
  const answer = await client.send(
    new InvokeCommand({ FunctionName, TenantId, Payload: Buffer.from('{}'), LogType: 'Tail' }),
  )
  const log = Buffer.from(answer.LogResult ?? '', 'base64').toString()
  return { ...(JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as { tenant: string; seen: string[] }), log }
}

test('no environment ever serves two tenants, and the function knows whose call it is', async () => {
  const answers: { tenant: string; seen: string[] }[] = []
  for (const tenant of ['blue', 'green', 'blue', 'green', 'a/b c']) answers.push(await call(tenant))
  for (const { tenant, seen } of answers) expect(new Set(seen)).toEqual(new Set([tenant]))
  // Those of one tenant do share theirs.
  expect(answers.map(({ seen }) => seen.length)).toEqual([1, 1, 2, 2, 1])
  const at = await Promise.all(Array.from({ length: 12 }, (_, n) => call(n % 2 ? 'blue' : 'green')))
  for (const { tenant, seen } of at) expect(new Set(seen)).toEqual(new Set([tenant]))
})

test('JSON logs name the tenant', async () => {
  const { log } = await call('blue')
  const lines = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type?: string; tenantId?: string; record?: object })
  expect(lines.find(({ type }) => type === 'platform.start')?.record).toMatchObject({ tenantId: 'blue' })
  expect(lines.find(({ type }) => type === 'platform.report')?.record).toMatchObject({ tenantId: 'blue' })
  expect(lines.find(({ type }) => type === undefined)).toMatchObject({ message: 'for blue', tenantId: 'blue' })
})

test('events are run for the tenant that they name, over NATS too', async () => {
  const { nats, natsCreds, accountId: account } = fabric.connection
  await using link = await openLink({
    ...{ servers: [nats], creds: await readFile(natsCreds, 'utf8'), name: 'test', log: silentLogger },
  })
  const sent = natsHeaders()
  sent.set(headers.tenantId, 'red co')
  const subject = subjects.event(accountId(account), functionName(FunctionName))
  await link.connection.request(subject, Buffer.from('{}'), {
    ...{ headers: sent, timeout: 10_000, noMux: true, reply: createInbox(link.inboxPrefix) },
  })
  await client.send(
    new InvokeCommand({ FunctionName, TenantId: 'red co', InvocationType: 'Event', Payload: Buffer.from('{}') }),
  )
  const runs = async () => (await call('red co')).seen.filter((one) => one === 'red co').length
  await expect.poll(runs, { timeout: 20_000 }).toBeGreaterThanOrEqual(4)
})

test('a function stays with the version of its runtime that the workers have, and cannot with another', async () => {
  const configuration = await client.send(new GetFunctionConfigurationCommand({ FunctionName }))
  const generic = configuration.RuntimeVersionConfig?.RuntimeVersionArn ?? ''
  const RuntimeVersionArn = `${generic}:${process.versions.node}`
  await client.send(
    new PutRuntimeManagementConfigCommand({ FunctionName, UpdateRuntimeOn: 'Manual', RuntimeVersionArn }),
  )
  expect((await call('blue')).tenant).toBe('blue')
  await expect(
    client.send(
      new PutRuntimeManagementConfigCommand({
        ...{ FunctionName, UpdateRuntimeOn: 'Manual' },
        RuntimeVersionArn: `${generic}:1.0.0`,
      }),
    ),
  ).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
})
