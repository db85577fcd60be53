import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, accountId, buckets, streams } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCatalogue, openStores } from '../catalogue.ts'
import { ensureFabric } from '../fabric.ts'
import { type NatsLink, openLink } from '../link.ts'
import { type AccountBus, openAccountBus } from './account-bus.ts'
import { createKeyring, type Keyring } from './keyring.ts'
import { serverConfig } from './server-config.ts'

const fabric = { replicas: 1, storageBytes: 1024 * 1024 * 1024 } as const
const mib = 1024 * 1024
const dir = mkdtempSync(join(tmpdir(), 'weft-account-bus-'))
const opened = new AsyncDisposableStack()
let keyring: Keyring
let server: TestNatsServer
let admin: NatsLink
let bus: AccountBus

const link = (creds: string, firstConnectMs = 5_000): Promise<NatsLink> =>
  openLink({ servers: [server.url], name: 'test', log: silentLogger, creds, firstConnectMs })
const account = (id: string, more: Partial<Account> = {}): Account => ({
  accountId: accountId(id),
  name: 'test',
  concurrencyLimit: 10,
  storageBytes: 8 * mib,
  accessKeys: [],
  ...more,
})

beforeAll(async () => {
  keyring = createKeyring(join(dir, 'keys'), { tenantStorageBytes: 64 * mib })
  const config = await serverConfig(keyring, {
    port: 0,
    dir: join(dir, 'nats'),
    sync: 'default',
    maxStorageBytes: fabric.storageBytes,
    serverName: 'test',
  })
  server = opened.use(await startNatsServer({ dir: join(dir, 'nats'), config }))
  admin = opened.use(await link(await keyring.serviceCreds('admin')))
  const system = opened.use(await link(await keyring.systemCreds()))
  await ensureFabric(admin, fabric)
  bus = openAccountBus({ keyring, system, admin, fabric, connect: (creds) => link(creds) })
})
afterAll(async () => {
  await opened.disposeAsync()
  rmSync(dir, { recursive: true, force: true })
})

test('an account is made real, and its storage ends where its limit says', async () => {
  const one = account('100000000001')
  await bus.settle(one)
  await bus.prove(one.accountId)
  await using client = await link(await bus.clientCreds(one.accountId))
  expect(await client.js.publish(`weft.event.${one.accountId}.f`, '{}')).toMatchObject({ seq: 1 })
  await client.jsm.streams.add({ name: 'ORDERS', subjects: ['orders'], max_bytes: 6 * mib })
  await expect(client.jsm.streams.add({ name: 'MORE', subjects: ['more'], max_bytes: 6 * mib })).rejects.toThrow(
    /storage/,
  )
  await bus.settle({ ...one, storageBytes: 16 * mib })
  await client.jsm.streams.add({ name: 'MORE', subjects: ['more'], max_bytes: 6 * mib })
})

test('two accounts see nothing of each other', async () => {
  const [one, two] = [account('100000000011'), account('100000000012')]
  for (const each of [one, two]) await bus.settle(each)
  await using mine = await link(await bus.clientCreds(one.accountId))
  await using theirs = await link(await bus.clientCreds(two.accountId))
  await mine.jsm.streams.add({ name: 'SECRETS', subjects: ['secrets'] })
  await expect(theirs.jsm.streams.info('SECRETS')).rejects.toThrow('stream not found')
  const heard: string[] = []
  theirs.connection.subscribe('>', { callback: (_error, message) => void heard.push(message.subject) })
  await theirs.connection.flush()
  await mine.js.publish('secrets', 'x')
  await expect(theirs.js.publish(`weft.event.${one.accountId}.f`, '{}')).rejects.toThrow()
  await theirs.connection.flush()
  expect(heard.filter((subject) => subject === 'secrets')).toEqual([])
})

test('a disabled account is cut off at once, also after a restart of the server, and comes back with its streams', async () => {
  const one = account('100000000021')
  await bus.settle(one)
  const creds = await bus.clientCreds(one.accountId)
  await using client = await link(creds)
  await client.jsm.streams.add({ name: 'ORDERS', subjects: ['orders'] })
  const cut = Promise.withResolvers<void>()
  void (async () => {
    for await (const { type } of client.connection.status()) if (type === 'disconnect') cut.resolve()
  })()
  await bus.settle({ ...one, disabled: true })
  await cut.promise
  await expect(link(creds, 300)).rejects.toThrow()
  await server.restart()
  await expect(link(creds, 300)).rejects.toThrow()
  await bus.settle(one)
  await using again = await link(creds)
  expect((await again.jsm.streams.info('ORDERS')).config.name).toBe('ORDERS')
})

test('an erased account leaves nothing, in the fabric nor on the disk', async () => {
  const one = account('100000000031')
  await bus.settle(one)
  const { publicKey } = await keyring.tenantJwt(one.accountId)
  const creds = await bus.clientCreds(one.accountId)
  {
    await using client = await link(creds)
    await client.jsm.streams.add({ name: 'ORDERS', subjects: ['orders'] })
    await client.js.publish('orders', 'x')
    await client.js.publish(`weft.event.${one.accountId}.f`, '{}')
  }
  await using catalogue = openCatalogue(admin, { log: silentLogger })
  await catalogue.whenReady
  const { accounts } = openStores(admin, catalogue)
  await accounts.create(one.accountId, one)
  await admin.js.publish(`$KV.${buckets.functions}.${one.accountId}.f`, '{}')
  const neighbour = accountId('100000000039')
  const shared = [
    [streams.logs, 'weft.log.ACCOUNT.f'],
    [streams.records, 'weft.record.ACCOUNT.f'],
    [streams.dead, 'weft.dead.ACCOUNT.f'],
    [streams.retries, 'weft.retry.ACCOUNT.f.live'],
    [streams.objects, 'weft.object.ACCOUNT.bucket.key'],
    [streams.blobs, 'weft.blob.ACCOUNT.id.0'],
  ] as const
  for (const id of [one.accountId, neighbour])
    for (const [, subject] of shared) await admin.js.publish(subject.replace('ACCOUNT', id), 'x')
  const removed = Promise.withResolvers<void>()
  catalogue.onChange(({ kind, removed: gone }) => kind === 'account' && gone && removed.resolve())

  await bus.settle({ ...one, disabled: true })
  await bus.erase(one.accountId)
  await removed.promise
  expect(catalogue.account(one.accountId)).toBeUndefined()
  expect(catalogue.functions(one.accountId)).toEqual([])
  await expect(admin.jsm.streams.info(streams.events(one.accountId))).rejects.toThrow('stream not found')
  for (const [stream, subject] of shared) {
    const { state } = await admin.jsm.streams.info(stream, { subjects_filter: '>' })
    expect(Object.keys(state.subjects ?? {})).toEqual([subject.replace('ACCOUNT', neighbour)])
  }
  expect(bus.known()).not.toContain(one.accountId)
  await expect(link(creds, 300)).rejects.toThrow()
  expect(readdirSync(join(dir, 'nats', 'jetstream'))).not.toContain(publicKey)
  // The id may be used again, by someone else.
  await bus.settle(one)
  await bus.prove(one.accountId)
  await expect(link(creds, 300)).rejects.toThrow()
})
