import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { type Account, accountId, functionName, type InvokeCall } from '@weft/contracts'
import { type InvokeResponse, InvokeServiceClient } from '@weft/contracts/api/invoke'
import { startNatsServer } from '@weft/kit'
import {
  createKeyring,
  ensureAccount,
  ensureFabric,
  type NatsLink,
  openCatalogue,
  openCodeStore,
  openFactSink,
  openLink,
  openStores,
  serverConfig,
} from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { testSealer } from '@weft/platform/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ZipFile } from 'yazl'
import { frontendDefaults } from '../config.ts'
import { signedFetch } from '../testing/signed-fetch.ts'
import { type AllDoors, startAllDoors } from './all.ts'

const log = silentLogger
const storage = { replicas: 1, storageBytes: 1024 ** 3 } as const
const us = accountId('000000000000')
const them = accountId('111111111111')
const accountOf = (id: typeof us, key: string): Account => ({
  accountId: id,
  name: id,
  concurrencyLimit: 1_000,
  accessKeys: [{ accessKeyId: key, secretAccessKey: 'secret', status: 'Active' }],
})

const stack = new AsyncDisposableStack()
let doors: AllDoors
let client: NatsLink
let stranger: NatsLink

/** Everything runs under the users that a cluster gives it, so that a missing permission fails here. */
beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-doors-'))
  stack.defer(() => rmSync(dir, { recursive: true, force: true }))
  const keyring = createKeyring(join(dir, 'keys'), { tenantStorageBytes: 64 * 1024 ** 2 })
  for (const account of [us, them]) await keyring.tenantJwt(account)
  const natsDir = join(dir, 'nats')
  const config = await serverConfig(keyring, {
    port: 0,
    dir: natsDir,
    sync: 'always',
    maxStorageBytes: 2 * 1024 ** 3,
    serverName: 'test',
  })
  const server = stack.use(await startNatsServer({ dir: natsDir, config }))
  const open = async (creds: string) => stack.use(await openLink({ servers: [server.url], name: 'test', log, creds }))
  const admin = await open(await keyring.serviceCreds('admin'))
  await ensureFabric(admin, storage)
  await ensureAccount(admin, us, storage)

  const link = await open(await keyring.serviceCreds('frontend'))
  const sealer = testSealer()
  const catalogue = stack.use(openCatalogue(link, { log, sealer }))
  await catalogue.whenReady
  const stores = openStores(link, catalogue)
  const { accounts } = openStores(admin, catalogue)
  await accounts.create(us, accountOf(us, 'AKIAUS'))
  await accounts.create(them, accountOf(them, 'AKIATHEM'))
  const workerFacts = stack.use(openFactSink(await open(await keyring.serviceCreds('worker')), { log }))
  const run = async (call: InvokeCall) => {
    const { accountId, functionName } = call.target.record
    const lines = [{ atMs: Date.now(), message: `START RequestId: ${call.requestId}\n` }]
    workerFacts.log({
      accountId,
      functionName,
      logGroup: `/aws/lambda/${functionName}`,
      logStream: 's',
      requestId: call.requestId,
      lines,
    })
    await workerFacts.flush()
    return {
      kind: 'succeeded',
      payload: call.payload,
      executedVersion: '$LATEST',
      errorType: '',
      logTail: 'tail',
      durationMs: 1,
      initDurationMs: 0,
    } as const
  }
  doors = stack.use(
    await startAllDoors(
      { ...frontendDefaults, http: { host: '127.0.0.1', port: 0 }, grpc: { host: '127.0.0.1', port: 0 } },
      {
        link,
        catalogue,
        stores,
        code: openCodeStore(link),
        facts: { record: () => undefined, log: () => undefined, flush: async () => undefined },
        invoker: { invoke: run },
        events: { accept: async () => ({ ok: true, value: { duplicate: false } }) },
        clusterSecret: 'a secret of the cluster for tests',
        sealer,
        runtimes: () => ['nodejs24.x'],
        problems: () => link.problems(),
        clock: systemClock,
        log,
      },
    ),
  )
  client = await open(await keyring.tenantCreds(us, 'client'))
  stranger = await open(await keyring.tenantCreds(them, 'client'))
})
afterAll(() => stack.disposeAsync())

const send = (
  service: string,
  method: string,
  path: string,
  body: string | Buffer<ArrayBuffer> = '',
  headers: Record<string, string> = {},
  key = 'AKIAUS',
) => signedFetch({ host: `127.0.0.1:${doors.httpPort}`, service, method, path, body, headers, key })
const logs = (operation: string, input: object, key?: string) =>
  send(
    'logs',
    'POST',
    '/',
    JSON.stringify(input),
    { 'x-amz-target': `Logs_20140328.${operation}`, 'content-type': 'application/x-amz-json-1.1' },
    key,
  )

const zipPackage = async () => {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from('export const handler = async (e) => e'), 'index.mjs')
  zip.end()
  const parts: Buffer[] = []
  for await (const part of zip.outputStream as AsyncIterable<Buffer>) parts.push(part)
  return Buffer.concat(parts)
}

describe('the doors together', () => {
  it('keep buckets and objects, each account its own', async () => {
    expect((await send('s3', 'PUT', '/things')).status).toBe(200)
    expect((await send('s3', 'PUT', '/things/a%20b', 'hello', { 'content-type': 'text/plain' })).status).toBe(200)
    const got = await send('s3', 'GET', '/things/a%20b', '', { range: 'bytes=1-2' })
    expect([got.status, got.text, got.headers.get('content-range')]).toEqual([206, 'el', 'bytes 1-2/5'])
    const head = await send('s3', 'HEAD', '/things/a%20b')
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5'])
    expect((await send('s3', 'GET', '/things?list-type=2&prefix=a')).text).toContain('<Key>a b</Key>')
    expect((await send('s3', 'GET', '/things/a%20b', '', {}, 'AKIATHEM')).text).toContain('<Code>NoSuchBucket</Code>')
    expect((await send('s3', 'GET', '/things/a%20b', '', {}, 'AKIANONE')).text).toContain(
      '<Code>InvalidAccessKeyId</Code>',
    )
    expect((await send('s3', 'DELETE', '/things/a%20b')).status).toBe(204)
  })

  it('make a function of the version of a package that is named', async () => {
    await send('s3', 'PUT', '/packages')
    const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
    await send('s3', 'PUT', '/packages?versioning', enabled)
    const good = await send('s3', 'PUT', '/packages/f.zip', await zipPackage())
    await send('s3', 'PUT', '/packages/f.zip', 'no package')
    const create = async (FunctionName: string, version: object) => {
      const Code = { S3Bucket: 'packages', S3Key: 'f.zip', ...version }
      const body = {
        FunctionName,
        Runtime: 'nodejs24.x',
        Role: `arn:aws:iam::${us}:role/r`,
        Handler: 'index.handler',
        Code,
      }
      const headers = { 'content-type': 'application/json' }
      return send('lambda', 'POST', '/2015-03-31/functions', JSON.stringify(body), headers)
    }
    expect((await create('newest', {})).text).toContain('Could not unzip uploaded file')
    expect((await create('named', { S3ObjectVersion: good.headers.get('x-amz-version-id') })).status).toBe(201)
    expect((await create('missing', { S3ObjectVersion: 'A'.repeat(32) })).text).toContain(
      'S3 Error Code: NoSuchVersion',
    )
  })

  it('tell who calls', async () => {
    const asked = await send('sts', 'POST', '/', 'Action=GetCallerIdentity&Version=2011-06-15', {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(asked.text).toContain('<Account>000000000000</Account>')
  })

  it('run a function over gRPC and NATS, and show its log to its account alone', async () => {
    const zipFile = (await zipPackage()).toString('base64')
    const body = JSON.stringify({
      FunctionName: 'hello',
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/r',
      Handler: 'index.handler',
      Code: { ZipFile: zipFile },
    })
    const created = await send('lambda', 'POST', '/2015-03-31/functions', body, { 'content-type': 'application/json' })
    expect([created.status, created.text]).toEqual([201, expect.stringContaining('"FunctionName":"hello"')])
    const active = async () =>
      JSON.parse((await send('lambda', 'GET', '/2015-03-31/functions/hello/configuration')).text).State
    await expect.poll(active).toBe('Active')

    const grpc = new InvokeServiceClient(`127.0.0.1:${doors.grpcPort}`, credentials.createInsecure())
    const metadata = new Metadata()
    metadata.set('authorization', 'Bearer AKIAUS:secret')
    const request = {
      functionName: 'hello',
      qualifier: '',
      payload: Buffer.from('{"g":1}'),
      clientContext: '',
      tenantId: '',
      idempotencyKey: '',
      keepResultSeconds: 0,
      logTail: true,
      traceHeader: '',
      correlationId: '',
      dryRun: false,
    }
    const answer = await new Promise<InvokeResponse>((resolve, reject) =>
      grpc.invoke(request, metadata, (error: ServiceError | null, response) =>
        error ? reject(error) : resolve(response),
      ),
    )
    grpc.close()
    expect([answer.payload.toString(), answer.logTail]).toEqual(['{"g":1}', 'tail'])

    const subject = `weft.invoke.${us}.${functionName('hello')}`
    const reply = await client.connection.request(subject, '{"n":1}', { timeout: 10_000 })
    expect(reply.string()).toBe('{"n":1}')
    const requestId = reply.headers?.get('Weft-Request-Id') ?? 'none'
    await expect(stranger.connection.request(subject, '{}', { timeout: 2_000 })).rejects.toThrow()

    const found = await logs('FilterLogEvents', { logGroupName: '/aws/lambda/hello', filterPattern: `"${requestId}"` })
    expect(JSON.parse(found.text).events).toMatchObject([{ message: `START RequestId: ${requestId}\n` }])
    const theirs = await logs('FilterLogEvents', { logGroupName: '/aws/lambda/hello' }, 'AKIATHEM')
    expect([theirs.status, JSON.parse(theirs.text).__type]).toEqual([400, 'ResourceNotFoundException'])
  })

  it('answer what NATS clients send wrongly', async () => {
    const code = async (subject: string, payload = '{}') =>
      (await client.connection.request(subject, payload, { timeout: 10_000 })).headers?.get('Nats-Service-Error-Code')
    expect(await code(`weft.invoke.${us}.none`)).toBe('404')
    expect(await code(`weft.invoke.${us}.$JS.API.INFO`)).toBe('400')
    expect(await code(`weft.invoke.${us}.hello`, 'not json')).toBe('400')
    expect(await code(`weft.invoke.${us}.hello`, '{}')).toBe('')
  })
})
