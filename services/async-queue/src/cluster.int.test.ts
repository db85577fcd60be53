import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EventEndRecord, functionName, newRequestId, streams } from '@weft/contracts'
import { startNatsServer } from '@weft/kit'
import {
  ensureAccount,
  ensureFabric,
  leastStorageBytes,
  natsBusPublisher,
  natsEventAcceptor,
  natsEventInbox,
  natsTargets,
  openInvocationBook,
  openLink,
  openObjectStore,
} from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { expect, test } from 'vitest'
import { asyncQueueDefaults } from './config.ts'
import { account, functionError, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startAsyncQueue } from './service.ts'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

test('three servers, their leaders killed one after another: every accepted event ends once', async () => {
  await using cleanup = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'weft-cluster-'))
  cleanup.defer(() => rmSync(dir, { recursive: true, force: true }))
  const ports = [await freePort(), await freePort(), await freePort()]
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ')
  const servers = await Promise.all(
    ports.map(async (port, n) => {
      const config = `server_name: n${n}
max_payload: 8MB
jetstream { store_dir: "DIR/jetstream", max_file: 10GB, sync_interval: always }
cluster { name: test, pool_size: -1, listen: "127.0.0.1:${port}", routes: [${routes}] }
`
      return cleanup.use(await startNatsServer({ dir: join(dir, `n${n}`), config }))
    }),
  )
  const link = async (name: string) =>
    cleanup.use(
      await openLink({ servers: servers.map((server) => server.url), name, log: silentLogger, timeoutMs: 5_000 }),
    )
  const admin = await link('admin')
  const storage = { replicas: 3, storageBytes: leastStorageBytes } as const
  await expect.poll(() => ensureFabric(admin, storage).then(() => 'done', String), { timeout: 60_000 }).toBe('done')
  await ensureAccount(admin, account, storage)

  const own = await link('queue')
  const invoker = new TestInvoker()
  invoker.answer = (call) => (Number(new TextDecoder().decode(call.payload)) % 20 === 0 ? functionError : success)
  const inbox = cleanup.use(
    natsEventInbox({ link: own, clock: systemClock, log: silentLogger, holdMs: 5_000, pullWaitMs: 1_000 }),
  )
  cleanup.use(
    await startAsyncQueue(
      { ...asyncQueueDefaults, retry: { ...asyncQueueDefaults.retry, retryDelaysMs: [200, 200] } },
      {
        inbox,
        targets: natsTargets({ reader: async () => own, publisher: async () => own }),
        events: natsEventAcceptor({ link: own, log: silentLogger }),
        book: openInvocationBook(own),
        buses: natsBusPublisher(own),
        buckets: openObjectStore(own),
        invoker,
        catalogue: new TestCatalogue('f'),
        facts: { record: () => {}, log: () => {}, flush: async () => {} },
        clock: systemClock,
        log: silentLogger,
      },
    ),
  )

  const accepted = new Set<string>()
  const acceptor = natsEventAcceptor({
    link: admin,
    log: silentLogger,
    patience: { budgetMs: 8_000, timeoutMs: 1_000 },
  })
  const total = 400
  let n = 0
  const publish = async (): Promise<void> => {
    while (n < total) {
      const requestId = newRequestId()
      const payload = new TextEncoder().encode(`${++n}`)
      const stored = await acceptor.accept({
        requestId,
        accountId: account,
        functionName: functionName('f'),
        payload,
        acceptedAtMs: Date.now(),
      })
      if (stored.ok) accepted.add(requestId)
    }
  }
  const publishers = Promise.all(Array.from({ length: 8 }, publish))
  for (const [at, stream] of [
    [100, streams.events(account)],
    [250, streams.records],
  ] as const) {
    await expect.poll(() => n, { timeout: 60_000, interval: 5 }).toBeGreaterThan(at)
    const leader = (await admin.jsm.streams.info(stream)).cluster?.leader
    const server = servers.find((one) => one.dir.endsWith(`/${leader}`))
    await server?.kill()
    await server?.restart()
  }
  await publishers

  const ends = async (): Promise<EventEndRecord[]> => {
    const { state } = await admin.jsm.streams.info(streams.records)
    const all: EventEndRecord[] = []
    for (let sequence = Math.max(1, state.first_seq); sequence <= state.last_seq; sequence++)
      all.push((await admin.jsm.streams.getMessage(streams.records, { seq: sequence }))?.json() as EventEndRecord)
    return all
  }
  const recorded = async () => (await admin.jsm.streams.info(streams.records)).state.messages
  await expect.poll(recorded, { timeout: 120_000, interval: 500 }).toBeGreaterThanOrEqual(accepted.size)
  const left = async () =>
    (await admin.jsm.streams.info(streams.events(account))).state.messages +
    (await admin.jsm.streams.info(streams.retries)).state.messages
  await expect.poll(left, { timeout: 120_000, interval: 500 }).toBe(0)
  const all = await ends()
  const ended = new Set(all.map((end) => end.requestId))
  expect([...accepted].filter((id) => !ended.has(id))).toEqual([])
  expect(all.length).toBe(ended.size)
})
