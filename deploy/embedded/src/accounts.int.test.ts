import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  GetAccountSettingsCommand,
  GetEventSourceMappingCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
  PublishVersionCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { AdminClient, FabricClient, runCommand } from '@weft/cli'
import { accountId, type FabricConnection, parseAdminConnection, parseConnection, streams } from '@weft/contracts'
import { startFabric, type TestFabric } from '@weft/kit'
import { loadKeyring, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { zipFolder } from './demo/zip-folder.ts'

const hello = fileURLToPath(new URL('../../../examples/hello/', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'weft-accounts-'))
let fabric: TestFabric

beforeAll(async () => {
  fabric = await startFabric({ args: ['--durability', 'default'] })
})
afterAll(async () => {
  await fabric?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

async function weft(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const texts = Promise.all([text(stdout), text(stderr)])
  const io = { env: {}, stdout, stderr, readStdin: async () => Buffer.alloc(0), stop: new AbortController().signal }
  const code = await runCommand(['--data-dir', fabric.dataDir, ...args], io)
  stdout.end()
  stderr.end()
  const [out, err] = await texts
  return { code, out, err }
}

/** Makes an account and reads the folder that was made for it. */
async function create(name: string, ...options: string[]): Promise<FabricConnection & { readonly folder: string }> {
  const folder = join(dir, name)
  const made = await weft('admin', 'account', 'create', name, '--out', folder, ...options)
  expect(made).toMatchObject({ code: 0, err: '' })
  const parsed = parseConnection(readFileSync(join(folder, 'connection.json'), 'utf8'))
  if (!parsed.ok) throw new Error(parsed.error)
  return { ...parsed.value, natsCreds: join(folder, 'client.creds'), folder }
}

const clientOf = ({ http, region, accessKeyId, secretAccessKey }: FabricConnection): LambdaClient =>
  new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 })

const natsOf = ({ nats, natsCreds }: FabricConnection) =>
  openLink({
    servers: [nats],
    name: 'test',
    creds: readFileSync(natsCreds, 'utf8'),
    log: silentLogger,
    firstConnectMs: 300,
  })

async function createHello(connection: FabricConnection): Promise<void> {
  const client = clientOf(connection)
  await client.send(
    new CreateFunctionCommand({
      FunctionName: 'hello',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: `arn:aws:iam::${connection.accountId}:role/hello`,
      Code: { ZipFile: await zipFolder(hello) },
    }),
  )
  client.destroy()
}

async function call(connection: FabricConnection, type: 'RequestResponse' | 'Event' = 'RequestResponse') {
  const client = clientOf(connection)
  try {
    const answer = await client.send(new InvokeCommand({ FunctionName: 'hello', InvocationType: type, Payload: '{}' }))
    return answer.StatusCode
  } catch (error) {
    return (error as Error).name
  } finally {
    client.destroy()
  }
}

/** Status of a change, body of a reading, code of a refusal. */
function s3Of(connection: FabricConnection) {
  const client = new FabricClient(connection)
  return {
    async send(method: 'PUT' | 'GET', path: string, body = ''): Promise<string | number> {
      const answer = await client.send('s3', method, path, {}, body)
      if (!answer.ok) return /<Code>(\w+)/.exec(answer.error.message)?.[1] ?? answer.error.code
      return method === 'PUT' ? answer.value.status : answer.value.body.toString()
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}

test('an account made at run time has every door, and sees nothing of the others', async () => {
  const one = await create('one')
  const two = await create('two')
  expect(statSync(join(one.folder, 'connection.json')).mode & 0o777).toBe(0o600)
  expect(statSync(join(fabric.dataDir, 'admin.json')).mode & 0o777).toBe(0o600)
  await createHello(one)
  expect(await call(one)).toBe(200)
  expect(await call(one, 'Event')).toBe(202)
  expect(await call(two)).toBe('ResourceNotFoundException')
  const client = clientOf(two)
  expect((await client.send(new ListFunctionsCommand({}))).Functions).toEqual([])
  client.destroy()

  await using mine = await natsOf(one)
  await using theirs = await natsOf(two)
  const asked = await mine.connection.request(`weft.invoke.${one.accountId}.hello`, '{}', { timeout: 10_000 })
  expect(asked.json()).toMatchObject({ message: expect.stringContaining('Hello') })
  await expect(theirs.connection.request(`weft.invoke.${one.accountId}.hello`, '{}')).rejects.toThrow('no responders')
  await mine.jsm.streams.add({ name: 'ORDERS', subjects: ['orders'] })
  await expect(theirs.jsm.streams.info('ORDERS')).rejects.toThrow('stream not found')

  // The poller gets into an account that was not there when it was started.
  const owner = clientOf(one)
  const eventSource = `arn:aws:jetstream:${one.region}:${one.accountId}:stream/ORDERS`
  const mapping = { FunctionName: 'hello', EventSourceArn: eventSource, StartingPosition: 'TRIM_HORIZON' } as const
  const { UUID } = await owner.send(new CreateEventSourceMappingCommand(mapping))
  await mine.js.publish('orders', '{"name":"Ada"}')
  const processed = async () => (await owner.send(new GetEventSourceMappingCommand({ UUID }))).LastProcessingResult
  await expect.poll(processed, { timeout: 30_000 }).toBe('OK')
  owner.destroy()

  using myS3 = s3Of(one)
  using theirS3 = s3Of(two)
  expect(await myS3.send('PUT', '/mine-alone')).toBe(200)
  expect(await myS3.send('PUT', '/mine-alone/key', 'value')).toBe(200)
  expect(await myS3.send('GET', '/')).toContain('mine-alone')
  expect(await theirS3.send('GET', '/')).not.toContain('mine-alone')
  expect(await theirS3.send('GET', '/mine-alone/key')).toBe('NoSuchBucket')
})

test('limits are told, follow at once, and are refused when they do not fit', async () => {
  const three = await create('three', '--concurrency', '7', '--storage-mb', '6', '--code-storage-mb', '50')
  const client = clientOf(three)
  const settings = () => client.send(new GetAccountSettingsCommand({}))
  expect((await settings()).AccountLimit).toMatchObject({ ConcurrentExecutions: 7, TotalCodeSize: 50 * 1024 * 1024 })
  await weft('admin', 'account', 'set-limits', three.accountId, '--concurrency', '0')
  await createHello(three)
  await expect.poll(() => call(three), { timeout: 10_000 }).toBe('TooManyRequestsException')
  await weft('admin', 'account', 'set-limits', three.accountId, '--concurrency', '5')
  await expect.poll(() => call(three), { timeout: 10_000 }).toBe(200)
  const refused = await weft('admin', 'account', 'set-limits', three.accountId, '--storage-mb', '99999999')
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('do not fit') })
  client.destroy()
})

test('synchronous calls have a rate where an administrator sets one', async () => {
  const rated = await create('rated', '--concurrency', '5', '--requests-per-environment', '1')
  await createHello(rated)
  const answers = new Set<unknown>()
  // Five calls a second: sixty take twelve seconds, or some are refused.
  const caller = async (): Promise<void> => {
    for (let n = 0; n < 15; n++) answers.add(await call(rated))
  }
  await Promise.all([caller(), caller(), caller(), caller()])
  expect(answers).toEqual(new Set([200, 'TooManyRequestsException']))
  const client = clientOf(rated)
  const refusal = async (): Promise<unknown> =>
    client.send(new InvokeCommand({ FunctionName: 'hello' })).then(
      () => undefined,
      (error: { readonly Reason?: string }) => error.Reason,
    )
  await expect
    .poll(async () => (await Promise.all([refusal(), refusal(), refusal()]))[0])
    .toBe('CallerRateLimitExceeded')
  client.destroy()
  await weft('admin', 'account', 'set-limits', rated.accountId, '--requests-per-environment', '0')
  await expect
    .poll(async () => (await Promise.all(Array.from({ length: 4 }, () => call(rated)))).join())
    .toBe('200,200,200,200')
})

test('keys come and go', async () => {
  const four = await create('four')
  const made = await weft('admin', 'account', 'keys', 'create', four.accountId)
  const [, accessKeyId = '', secretAccessKey = ''] = /key +(\S+)\nsecret +(\S+)/.exec(made.out) ?? []
  const second = { ...four, accessKeyId, secretAccessKey }
  await createHello(second)
  await weft('admin', 'account', 'keys', 'deactivate', four.accountId, four.accessKeyId)
  await expect.poll(() => call(four), { timeout: 5_000 }).toBe('UnrecognizedClientException')
  expect(await call(second)).toBe(200)
  expect((await weft('admin', 'account', 'creds', four.accountId)).out).toContain('BEGIN NATS USER JWT')
})

test('a disabled account is shut out everywhere, keeps what it has over a restart, and can be deleted', async () => {
  const five = await create('five')
  await createHello(five)
  expect(await call(five)).toBe(200)
  await weft('admin', 'account', 'disable', five.accountId)
  await expect.poll(() => call(five), { timeout: 5_000 }).toBe('UnrecognizedClientException')
  await expect(natsOf(five)).rejects.toThrow()

  // An event that is there already waits, over a restart too.
  const events = async (): Promise<number> => {
    const keyring = loadKeyring(join(fabric.dataDir, 'keys'), { tenantStorageBytes: 0 })
    const servers = [fabric.connection.nats]
    const creds = await keyring.serviceCreds('admin')
    await using admin = await openLink({ servers, name: 'admin', creds, log: silentLogger })
    const stream = streams.events(accountId(five.accountId))
    if (!published) await admin.js.publish(`weft.event.${five.accountId}.hello`, '{}')
    published = true
    return (await admin.jsm.streams.info(stream)).state.messages
  }
  let published = false
  expect(await events()).toBe(1)

  const connection = await fabric.restart()
  const after = { ...five, http: connection.http, nats: connection.nats }
  expect(await call(after)).toBe('UnrecognizedClientException')
  await expect(natsOf(after)).rejects.toThrow()
  expect((await weft('admin', 'account', 'list')).out).toMatch(new RegExp(`${five.accountId} +disabled`))
  expect(await events()).toBe(1)
  expect((await weft('admin', 'account', 'enable', five.accountId)).code).toBe(0)
  await expect.poll(() => call(after), { timeout: 5_000 }).toBe(200)
  await expect.poll(events, { timeout: 20_000 }).toBe(0)

  expect(await weft('admin', 'account', 'delete', five.accountId)).toMatchObject({ code: 1 })
  await weft('admin', 'account', 'disable', five.accountId)
  expect((await weft('admin', 'account', 'delete', five.accountId)).code).toBe(0)
  const again = await create('five-again', '--id', five.accountId)
  const client = clientOf(again)
  expect((await client.send(new ListFunctionsCommand({}))).Functions).toEqual([])
  client.destroy()
})

test('secrets are sealed on the disk; and a rotation outlives a restart', async () => {
  const six = await create('six')
  await createHello(six)
  const client = clientOf(six)
  const variables = { SECRET: 'hunter2-of-a-function' }
  await client.send(
    new UpdateFunctionConfigurationCommand({ FunctionName: 'hello', Environment: { Variables: variables } }),
  )
  await client.send(new PublishVersionCommand({ FunctionName: 'hello' }))
  const [old = ''] = /^mk-\w+/m.exec((await weft('admin', 'encryption', 'show')).out) ?? []
  expect((await weft('admin', 'encryption', 'retire', old)).code).toBe(1)
  expect((await weft('admin', 'encryption', 'rotate')).out).toMatch(/wrapped anew +[1-9]/)
  expect((await weft('admin', 'encryption', 'retire', old)).code).toBe(0)
  expect(await call(six)).toBe(200)

  await fabric.stop()
  const files = readdirSync(join(fabric.dataDir, 'nats'), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
  expect(files.filter((file) => file.includes('hunter2') || file.includes(six.secretAccessKey))).toEqual([])
  const again = clientOf({ ...six, http: (await fabric.restart()).http })
  const found = await again.send(new GetFunctionConfigurationCommand({ FunctionName: 'hello', Qualifier: '1' }))
  expect(found.Environment?.Variables).toEqual(variables)
  for (const one of [client, again]) one.destroy()
})

test("the administrator's door takes no other token", async () => {
  const file = join(fabric.dataDir, 'admin.json')
  const admin = parseAdminConnection(readFileSync(file, 'utf8'))
  if (!admin.ok) throw new Error(admin.error)
  using client = new AdminClient({ ...admin.value, token: `${admin.value.token}x` }, () => Date.now())
  await expect(client.call(client.service.listAccounts, {})).rejects.toThrow('AccessDeniedException')
})
