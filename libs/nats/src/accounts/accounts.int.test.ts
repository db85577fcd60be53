import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { headers } from '@nats-io/transport-node'
import { accountId } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type NatsLink, openLink } from '../link.ts'
import { createKeyring, type Keyring, loadKeyring } from './keyring.ts'
import { pushAccount } from './push-account.ts'
import { serverConfig } from './server-config.ts'

const mine = accountId('000000000000')
const other = accountId('111111111111')
const limits = { tenantStorageBytes: 64 * 1024 * 1024 }
const dir = mkdtempSync(join(tmpdir(), 'weft-accounts-'))
let keyring: Keyring
let server: TestNatsServer

const link = (creds: string): Promise<NatsLink> =>
  openLink({ servers: [server.url], name: 'test', log: silentLogger, creds })

beforeAll(async () => {
  keyring = createKeyring(join(dir, 'keys'), limits)
  await keyring.tenantJwt(mine)
  const config = await serverConfig(keyring, {
    port: 0,
    dir: join(dir, 'nats'),
    sync: 'always',
    maxStorageBytes: 1024 * 1024 * 1024,
    serverName: 'test',
  })
  server = await startNatsServer({ dir: join(dir, 'nats'), config })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

test('seeds are readable by their owner only, and a loaded keyring speaks for the same accounts', async () => {
  expect(statSync(join(dir, 'keys/keyring.json')).mode & 0o777).toBe(0o600)
  expect(statSync(join(dir, 'keys')).mode & 0o777).toBe(0o700)
  const loaded = loadKeyring(join(dir, 'keys'), limits)
  expect((await loaded.tenantJwt(mine)).publicKey).toBe((await keyring.tenantJwt(mine)).publicKey)
  expect(() => createKeyring(join(dir, 'keys'), limits)).toThrow('exists already')
})

test('a client publishes an event through the import and gets the acknowledgement of the stream', async () => {
  await using admin = await link(await keyring.serviceCreds('admin'))
  await using client = await link(await keyring.tenantCreds(mine, 'client'))
  await admin.jsm.streams.add({ name: 'WEFT_EVENTS_000000000000', subjects: [`weft.event.${mine}.>`] })
  const sent = headers()
  sent.set('X-Amzn-Trace-Id', 'Root=1')
  const subject = `weft.event.${mine}.f`
  const first = await client.js.publish(subject, 'x', { msgID: 'one', headers: sent })
  expect(first).toMatchObject({ stream: 'WEFT_EVENTS_000000000000', seq: 1, duplicate: false })
  expect(await client.js.publish(subject, 'x', { msgID: 'one' })).toMatchObject({ seq: 1, duplicate: true })
  const stored = await admin.jsm.streams.getMessage('WEFT_EVENTS_000000000000', { seq: 1 })
  expect(stored?.header.get('X-Amzn-Trace-Id')).toBe('Root=1')
  expect(stored?.header.get('Nats-Msg-Id')).toBe('one')
})

test('a client reaches the invoke subjects of its own account and nothing else of the fabric', async () => {
  await using frontend = await link(await keyring.serviceCreds('frontend'))
  await using client = await link(await keyring.tenantCreds(mine, 'client'))
  const seen: string[] = []
  frontend.connection.subscribe('weft.invoke.*.>', {
    queue: 'weft-frontends',
    callback: (_error, message) => {
      seen.push(message.subject)
      message.respond('pong')
    },
  })
  await frontend.connection.flush()
  const answer = await client.connection.request(`weft.invoke.${mine}.f`, 'ping', { timeout: 5_000 })
  expect(answer.string()).toBe('pong')
  for (const subject of [`weft.invoke.${other}.f`, `weft.accept.${mine}.f`, 'weft.record.x.y', '$KV.weft-functions.a'])
    await expect(client.connection.request(subject, '', { timeout: 5_000 })).rejects.toThrow('no responders')
  expect(seen).toEqual([`weft.invoke.${mine}.f`])
})

test('an account that is added at runtime works at once and shares nothing with the others', async () => {
  await using system = await link(await keyring.systemCreds())
  await pushAccount(system, await keyring.tenantJwt(other))
  await using client = await link(await keyring.tenantCreds(other, 'client'))
  await client.jsm.streams.add({ name: 'ORDERS', subjects: ['orders'] })
  expect(await client.js.publish('orders', '1')).toMatchObject({ seq: 1 })
  await using neighbour = await link(await keyring.tenantCreds(mine, 'client'))
  await expect(neighbour.jsm.streams.info('ORDERS')).rejects.toThrow('stream not found')
  await server.restart()
  await using again = await link(await keyring.tenantCreds(other, 'client'))
  expect((await again.jsm.streams.info('ORDERS')).state.messages).toBe(1)
})

test('a service is refused what is not on its list', async () => {
  await using admin = await link(await keyring.serviceCreds('admin'))
  await admin.jsm.streams.add({ name: 'KV_weft-functions', subjects: ['$KV.weft-functions.>'] })
  await using worker = await link(await keyring.serviceCreds('worker'))
  await expect(worker.js.publish('$KV.weft-functions.a.b', '{}')).rejects.toThrow(/Permissions Violation/)
  await expect(worker.jsm.streams.delete('KV_weft-functions')).rejects.toThrow(/Permissions Violation/)
  await using poller = await link(await keyring.tenantCreds(other, 'poller'))
  expect((await poller.jsm.streams.info('ORDERS')).state.messages).toBe(1)
  await expect(poller.jsm.streams.purge('ORDERS')).rejects.toThrow(/Permissions Violation/)
})
