import { createHash } from 'node:crypto'
import {
  type Account,
  type AccountId,
  accountId,
  buckets,
  type EventSourceMapping,
  functionName,
  newRequestId,
  streamArn,
  streams,
} from '@weft/contracts'
import type { MappingLease, MappingLeases } from '@weft/delivery'
import { createFaults, type FaultKind, faultyLink, natsError, startNatsServer } from '@weft/kit'
import { silentLogger as log, systemClock } from '@weft/platform'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openCatalogue, openStores } from './catalogue.ts'
import { openCodeStore } from './code-store.ts'
import { natsDeadBatches, natsTargets } from './dead-letters.ts'
import { openDocuments } from './document-store.ts'
import { natsEventAcceptor } from './events.ts'
import { ensureAccount, ensureFabric } from './fabric.ts'
import { openFactSink } from './fact-sink.ts'
import { openLeaderBoard } from './leader-board.ts'
import { type NatsLink, openLink } from './link.ts'
import { openMappingLeases } from './mapping-leases.ts'
import { announce, watchMembers } from './members.ts'
import { openObjectStore } from './objects/object-store.ts'

// Every way out of the services to the bus, over a link on which a fifth of all calls fail.

vi.setConfig({ testTimeout: 120_000 })

const us = accountId('000000000000')
const clock = systemClock
const stack = new AsyncDisposableStack()
let link: NatsLink
let faulty: NatsLink
let faults: ReturnType<typeof createFaults>

beforeAll(async () => {
  const server = stack.use(await startNatsServer())
  link = stack.use(await openLink({ servers: [server.url], name: 'test', log, timeoutMs: 2_000 }))
  const storage = { replicas: 1, storageBytes: 2 * 1024 ** 3 } as const
  await ensureFabric(link, storage)
  await ensureAccount(link, us, storage)
})
afterAll(() => stack.disposeAsync())
beforeEach(() => {
  const rates = { timeout: 0.07, 'done-but-timed-out': 0.07, unavailable: 0.06 }
  faults = createFaults({ seed: 3, rates, error: (kind: FaultKind) => natsError(kind) })
  faulty = faultyLink(link, faults)
})

/** Tries until it is done. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (let left = 50; ; left--) {
    try {
      return await call()
    } catch (error) {
      if (left === 0) throw error
    }
  }
}

test('a confirmed change of the catalogue is never lost, and none is made twice', async () => {
  faults.enabled = false
  await using one = openCatalogue(faulty, { log })
  await using two = openCatalogue(faulty, { log })
  await Promise.all([one.whenReady, two.whenReady])
  const stores = [openStores(faulty, one).accounts, openStores(faulty, two).accounts]
  const value: Account = { accountId: us, name: '', concurrencyLimit: 0, accessKeys: [] }
  await stores[0]?.create(us, value)
  faults.enabled = true
  let confirmed = 0
  let unknown = 0
  const grow = async (store: (typeof stores)[number]): Promise<void> => {
    for (let n = 0; n < 40; n++) {
      const stored = await insist(() => store.read(us))
      if (!stored) throw new Error('the account has gone')
      const next = { ...stored.value, concurrencyLimit: stored.value.concurrencyLimit + 1 }
      const written = await store.replace(us, next, stored.revision).catch(() => undefined)
      if (!written) unknown += 1
      else if (written.ok) confirmed += 1
    }
  }
  await Promise.all(stores.map(grow))
  faults.enabled = false
  const last = (await stores[0]?.read(us))?.value.concurrencyLimit ?? 0
  expect(last).toBeGreaterThanOrEqual(confirmed)
  expect(last).toBeLessThanOrEqual(confirmed + unknown)
  expect(confirmed).toBeGreaterThan(30)
  await expect.poll(() => [one, two].map((seen) => seen.account(us)?.concurrencyLimit)).toEqual([last, last])
})

test('documents', async () => {
  const documents = openDocuments(faulty, buckets.rollups)
  let confirmed = 0
  let unknown = 0
  for (let n = 0; n < 60; n++) {
    const stored = await insist(() => documents.read('a.b.total'))
    const before = (stored?.value as { n: number } | undefined)?.n ?? 0
    const written = await documents.write('a.b.total', { n: before + 1 }, stored?.revision ?? 0).catch(() => undefined)
    if (!written) unknown += 1
    else if (written.ok) confirmed += 1
  }
  faults.enabled = false
  const last = await documents.read('a.b.total')
  const n = (last?.value as { n: number } | undefined)?.n ?? 0
  expect(n).toBeGreaterThanOrEqual(confirmed)
  expect(n).toBeLessThanOrEqual(confirmed + unknown)
  expect(await documents.keys('a.b.*')).toEqual(['a.b.total'])
})

test('packages', async () => {
  const store = openCodeStore(faulty)
  for (let n = 0; n < 12; n++) {
    const zip = Buffer.alloc(1_500_000, `${n}`)
    const digest = createHash('sha256').update(zip).digest('hex')
    await insist(() => store.put(zip))
    expect(Buffer.from(await insist(() => store.get(digest))).equals(zip)).toBe(true)
  }
  expect(faults.injected.length).toBeGreaterThan(5)
})

test('objects are whole, old or new', async () => {
  const store = openObjectStore(faulty)
  await insist(() => store.createBucket(us, 'things'))
  let now: string | undefined
  for (let n = 0; n < 40; n++) {
    const next = n % 5 === 4 ? undefined : `${n}`.repeat(300_000)
    const done = await (next === undefined
      ? store.remove(us, 'things', 'k')
      : store.put(us, 'things', 'k', Buffer.from(next), {})
    ).then(
      () => true,
      () => false,
    )
    const found = await insist(async () => {
      const opened = await store.open(us, 'things', 'k', () => undefined)
      if (!opened) return undefined
      const parts: Uint8Array[] = []
      for await (const part of opened.body) parts.push(part)
      return Buffer.concat(parts).toString()
    })
    if (done) expect(found === next, `step ${n}`).toBe(true)
    else expect(found === next || found === now, `step ${n}`).toBe(true)
    now = found
  }
})

test('an epoch has one leader', async () => {
  await using first = openLeaderBoard(faulty, { log })
  await using second = openLeaderBoard(faulty, { log })
  const leaderOf = new Map<number, string>()
  const lead = async (board: typeof first, instanceId: string): Promise<void> => {
    for (let n = 0; n < 25; n++) {
      const claimed = await board.claim(0, { instanceId, address: '' }).catch(() => undefined)
      if (!claimed?.ok) continue
      let leader = claimed.value
      expect(leaderOf.get(leader.epoch) ?? instanceId).toBe(instanceId)
      leaderOf.set(leader.epoch, instanceId)
      for (let beat = 0; beat < 3; beat++) {
        const renewed = await board.renew(0, leader).catch(() => undefined)
        if (renewed?.ok) leader = renewed.value
      }
      await board.resign(0, leader).catch(() => undefined)
    }
  }
  await Promise.all([lead(first, 'a'), lead(second, 'b')])
  expect(leaderOf.size).toBeGreaterThan(2)
})

test('a lease of a mapping has one holder', async () => {
  const open = (instanceId: string) => insist(() => openMappingLeases({ link: faulty, clock, log, instanceId }))
  const all = await Promise.all(['a', 'b', 'c'].map(open))
  let holder: MappingLeases | undefined
  let held = 0
  const take = async (leases: MappingLeases): Promise<void> => {
    for (let n = 0; n < 15; n++) {
      const got = await leases.acquire('000000000000.m').catch(() => undefined)
      if (!got?.ok) continue
      expect(holder).toBeUndefined()
      holder = leases
      held += 1
      let lease: MappingLease = got.value
      for (let beat = 0; beat < 3; beat++) {
        const renewed = await leases.renew(lease).catch(() => undefined)
        if (renewed?.ok) lease = renewed.value
      }
      holder = undefined
      await leases.release(lease)
    }
  }
  await Promise.all(all.map(take))
  expect(held).toBeGreaterThan(0)
})

test('an accepted event is stored, once', async () => {
  const acceptor = natsEventAcceptor({ link: faulty, log, patience: { budgetMs: 10_000, timeoutMs: 1_000 } })
  const before = (await link.jsm.streams.info(streams.events(us))).state.messages
  const requestIds = Array.from({ length: 150 }, () => newRequestId())
  for (const requestId of requestIds) {
    const event = { requestId, accountId: us, functionName: functionName('f'), payload: Buffer.from('{}') }
    expect(await acceptor.accept({ ...event, acceptedAtMs: Date.now() })).toMatchObject({ ok: true })
  }
  const after = (await link.jsm.streams.info(streams.events(us))).state.messages
  expect(after - before).toBe(requestIds.length)
  expect(faults.injected.length).toBeGreaterThan(15)
})

test('facts are told once', async () => {
  const before = (await link.jsm.streams.info(streams.records)).state.messages
  const sink = openFactSink(faulty, { log })
  for (let n = 0; n < 30; n++) {
    const common = { accountId: us, functionName: functionName('f'), requestId: newRequestId(), atMs: Date.now() }
    sink.record({ type: 'throttle', reason: 'ConcurrentInvocationLimitExceeded', source: 'sync', ...common } as never)
    await sink.flush()
  }
  await sink[Symbol.asyncDispose]()
  const lines: string[] = []
  const { last_seq: last } = (await link.jsm.streams.info(streams.records)).state
  for (let seq = before + 1; seq <= last; seq++) {
    const message = await link.jsm.streams.getMessage(streams.records, { seq })
    if (message) lines.push(...new TextDecoder().decode(message.data).trim().split('\n'))
  }
  expect(lines).toHaveLength(30)
  expect(new Set(lines).size).toBe(30)
})

test('dead letters and dead batches arrive once the target takes them', async () => {
  await link.jsm.streams.add({ name: 'DEAD_ENDS', subjects: ['dead.ends.>'] })
  const links = { reader: async (_: AccountId) => faulty, publisher: async (_: AccountId) => faulty }
  const targets = natsTargets(links)
  const arn = streamArn('us-east-1', us, 'DEAD_ENDS')
  for (let n = 0; n < 30; n++) {
    const message = {
      ...{ accountId: us, functionName: functionName('f'), messageId: `m${n}` },
      ...{ payload: Buffer.from('{}'), headers: {} },
    }
    await insist(async () => {
      const sent = await targets.send(arn, message)
      if (!sent.ok) throw new Error(`${sent.error.permanent}: ${sent.error.reason}`)
    })
  }
  expect((await link.jsm.streams.info('DEAD_ENDS')).state.messages).toBe(30)
  const batches = natsDeadBatches(faulty)
  const mapping = { accountId: us, functionName: functionName('f'), uuid: 'u' } as EventSourceMapping
  const batch = { requestId: newRequestId(), JetStreamBatchInfo: { startSequenceNumber: '1' } }
  await insist(() => batches.keep(mapping, batch as never))
})

test('an instance is seen though its beats fail now and then', async () => {
  await using members = watchMembers(link, { log })
  await members.whenReady
  await using _ = announce(faulty, { service: 'worker', instanceId: 'w', address: '', startedAtMs: 0 }, { log })
  await expect.poll(() => members.list('worker').length, { timeout: 60_000 }).toBe(1)
})
