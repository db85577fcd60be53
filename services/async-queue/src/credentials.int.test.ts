import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { functionName, streams, subjects } from '@weft/contracts'
import { startNatsServer } from '@weft/kit'
import {
  createKeyring,
  ensureAccount,
  ensureFabric,
  natsBusPublisher,
  natsEventAcceptor,
  natsEventInbox,
  natsTargets,
  openInvocationBook,
  openLink,
  openObjectStore,
  serverConfig,
} from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { expect, test } from 'vitest'
import { asyncQueueDefaults } from './config.ts'
import { account, functionError, functionRecord, region, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startAsyncQueue } from './service.ts'

const storage = { replicas: 1, storageBytes: 1024 ** 3 } as const

test("the service's own credentials are enough: events of a client run, retry, and reach its dead-letter stream", async () => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-credentials-'))
  await using cleanup = new AsyncDisposableStack()
  cleanup.defer(() => rmSync(dir, { recursive: true, force: true }))
  const keyring = createKeyring(join(dir, 'keys'), { tenantStorageBytes: 64 * 1024 ** 2 })
  await keyring.tenantJwt(account)
  const config = await serverConfig(keyring, {
    port: 0,
    dir: join(dir, 'nats'),
    sync: 'always',
    maxStorageBytes: 2 * 1024 ** 3,
    serverName: 'test',
  })
  const server = cleanup.use(await startNatsServer({ dir: join(dir, 'nats'), config }))
  const link = async (creds: string) =>
    cleanup.use(await openLink({ servers: [server.url], name: 'test', log: silentLogger, creds }))
  const admin = await link(await keyring.serviceCreds('admin'))
  await ensureFabric(admin, storage)
  await ensureAccount(admin, account, storage)
  const client = await link(await keyring.tenantCreds(account, 'client'))
  await client.jsm.streams.add({ name: 'LETTERS', subjects: ['letters.>'] })

  const own = await link(await keyring.serviceCreds('async-queue'))
  const reader = await link(await keyring.tenantCreds(account, 'poller'))
  const publisher = await link(await keyring.tenantCreds(account, 'dead-letter'))
  const catalogue = new TestCatalogue('good')
  const { latest } = functionRecord('bad')
  const deadLetterTargetArn = `arn:aws:jetstream:${region}:${account}:stream/LETTERS`
  const onFailureArn = `arn:aws:lambda:${region}:${account}:function:good`
  catalogue.set(functionRecord('bad', { latest: { ...latest, deadLetterTargetArn }, eventInvoke: { onFailureArn } }))
  const invoker = new TestInvoker()
  invoker.answer = (call) => (call.target.record.functionName === 'bad' ? functionError : success)
  const inbox = cleanup.use(natsEventInbox({ link: own, clock: systemClock, log: silentLogger, pullWaitMs: 500 }))
  cleanup.use(
    await startAsyncQueue(
      { ...asyncQueueDefaults, retry: { ...asyncQueueDefaults.retry, retryDelaysMs: [50, 50] } },
      {
        inbox,
        targets: natsTargets({ reader: async () => reader, publisher: async () => publisher }),
        events: natsEventAcceptor({ link: own, log: silentLogger }),
        book: openInvocationBook(own),
        buses: natsBusPublisher(own),
        buckets: openObjectStore(own),
        invoker,
        catalogue,
        facts: { record: () => {}, log: () => {}, flush: async () => {} },
        clock: systemClock,
        log: silentLogger,
      },
    ),
  )
  await client.js.publish(subjects.event(account, functionName('good')), '1')
  await client.js.publish(subjects.event(account, functionName('bad')), '2')
  const count = async (stream: string) => (await admin.jsm.streams.info(stream)).state.messages
  await expect.poll(() => count(streams.records), { timeout: 20_000 }).toBe(3)
  await expect.poll(() => count(streams.events(account))).toBe(0)
  await expect.poll(() => count(streams.retries)).toBe(0)
  expect(await count(streams.dead)).toBe(1)
  const letter = await client.jsm.streams.getMessage('LETTERS', { seq: 1 })
  expect([letter?.subject, letter?.string(), letter?.header.get('ErrorCode')]).toEqual(['letters.bad', '2', '200'])
  expect(invoker.calls.map((call) => `${call.target.record.functionName} ${call.attempt}`).sort()).toEqual([
    'bad 1',
    'bad 2',
    'bad 3',
    'good 1',
    'good 1',
  ])
})
