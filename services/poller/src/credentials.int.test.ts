import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { consumers, streams } from '@weft/contracts'
import { startNatsServer } from '@weft/kit'
import {
  createKeyring,
  ensureFabric,
  natsDeadBatches,
  natsMappingSources,
  natsTargets,
  openLink,
  openMappingLeases,
  serverConfig,
} from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { expect, test } from 'vitest'
import { pollerDefaults } from './config.ts'
import { account, functionError, mappingOf, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startPoller } from './service.ts'

test("the service's own credentials are enough: a mapping reads a client's stream, gives up, and is deleted", async () => {
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
  const clock = systemClock
  const log = silentLogger
  const link = async (creds: string) =>
    cleanup.use(await openLink({ servers: [server.url], name: 'test', log: silentLogger, creds }))
  const admin = await link(await keyring.serviceCreds('admin'))
  await ensureFabric(admin, { replicas: 1, storageBytes: 1024 ** 3 })
  const client = await link(await keyring.tenantCreds(account, 'client'))
  await client.jsm.streams.add({ name: 'ORDERS', subjects: ['orders.>'] })
  for (let n = 0; n < 3; n++) await client.js.publish('orders.new', `${n}`)

  const own = await link(await keyring.serviceCreds('poller'))
  const reader = await link(await keyring.tenantCreds(account, 'poller'))
  const publisher = await link(await keyring.tenantCreds(account, 'dead-letter'))
  const catalogue = new TestCatalogue('f')
  const onFailureArn = `arn:aws:jetstream:us-east-1:${account}:subject/failed.f`
  await client.jsm.streams.add({ name: 'FAILED', subjects: ['failed.>'] })
  const mapping = mappingOf({ maximumRetryAttempts: 0, onFailureArn, filterSubjects: ['orders.new', 'orders.old'] })
  catalogue.put(mapping)
  const invoker = new TestInvoker()
  invoker.answer = () => functionError
  const sources = cleanup.use(natsMappingSources({ links: { reader: async () => reader }, clock, log }))
  cleanup.use(
    await startPoller(
      { ...pollerDefaults, readWaitMs: 500 },
      {
        catalogue,
        mappingStore: catalogue,
        sources,
        leases: await openMappingLeases({ link: own, clock, log, instanceId: 'one' }),
        deadBatches: natsDeadBatches(own),
        targets: natsTargets({ reader: async () => reader, publisher: async () => publisher }),
        invoker,
        facts: { record: () => {}, log: () => {}, flush: async () => {} },
        clock,
        log,
      },
    ),
  )
  const consumer = () => client.jsm.consumers.info('ORDERS', consumers.mapping(mapping.uuid))
  await expect
    .poll(async () => (await consumer().catch(() => undefined))?.ack_floor.stream_seq, { timeout: 20_000 })
    .toBe(3)
  expect((await admin.jsm.streams.info(streams.dead)).state.messages).toBe(1)
  expect((await client.jsm.streams.info('FAILED')).state.messages).toBe(1)
  catalogue.put({ ...mapping, state: 'Deleting' })
  await expect.poll(() => catalogue.mappings()).toEqual([])
  await expect(consumer()).rejects.toThrow('consumer not found')
})
