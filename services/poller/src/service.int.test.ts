import { buckets, consumers, type EventSourceMapping, functionName, streams } from '@weft/contracts'
import { createFaults, startNatsServer, type TestNatsServer } from '@weft/kit'
import {
  ensureFabric,
  type NatsLink,
  natsDeadBatches,
  natsMappingSources,
  natsTargets,
  openLink,
  openMappingLeases,
} from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pollerDefaults } from './config.ts'
import {
  account,
  answered,
  functionError,
  mappingOf,
  record,
  success,
  TestCatalogue,
  TestInvoker,
  throttled,
} from './fixtures.ts'
import { startPoller } from './service.ts'

const quick = {
  ...pollerDefaults,
  backoffMs: { first: 20, most: 100 },
  readWaitMs: 500,
  retryMs: 100,
  spreadMs: 0,
  stopDeadlineMs: 5_000,
}

let server: TestNatsServer
let link: NatsLink

beforeAll(async () => {
  server = await startNatsServer()
  link = await openLink({ servers: [server.url], name: 'test', log: silentLogger, timeoutMs: 1_000 })
})
afterAll(async () => {
  await link[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})
beforeEach(async () => {
  for await (const name of link.jsm.streams.names()) await link.jsm.streams.delete(name)
  await ensureFabric(link, { replicas: 1, storageBytes: 1024 ** 3 })
  const leases = (await link.jsm.streams.info(`KV_${buckets.mappingLeases}`)).config
  await link.jsm.streams.update(leases.name, { ...leases, max_age: 2e9, duplicate_window: 1e9 })
  await link.jsm.streams.add({ name: 'ORDERS', subjects: ['orders.>'] })
})

async function publish(count: number, subject = 'orders.new'): Promise<void> {
  for (let n = 0; n < count; n++) await link.js.publish(subject, `order ${n}`)
}

async function start(invoker: TestInvoker, catalogue: TestCatalogue, through = link, instanceId = 'one') {
  const clock = systemClock
  const log = silentLogger
  const sources = natsMappingSources({ links: { reader: async () => through }, clock, log, holdMs: 2_000 })
  const service = await startPoller(quick, {
    catalogue,
    mappingStore: catalogue,
    sources,
    leases: await openMappingLeases({ link: through, clock, log, instanceId }),
    deadBatches: natsDeadBatches(through),
    targets: natsTargets({ reader: async () => link, publisher: async () => link }),
    invoker,
    facts: { record: () => {}, log: () => {}, flush: async () => {} },
    clock,
    log,
  })
  return {
    service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]()
      sources[Symbol.dispose]()
    },
  }
}

const consumer = (mapping: EventSourceMapping) => link.jsm.consumers.info('ORDERS', consumers.mapping(mapping.uuid))
const settledUpTo = (sequence: number, mapping = mappingOf()) =>
  expect
    .poll(async () => (await consumer(mapping).catch(() => undefined))?.ack_floor.stream_seq, {
      timeout: 60_000,
      interval: 50,
    })
    .toBe(sequence)

test('records reach the function in batches, in order, and the mapping becomes enabled', async () => {
  await publish(25)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf())
  const invoker = new TestInvoker()
  await using _ = await start(invoker, catalogue)
  await settledUpTo(25)
  expect(invoker.runs().flat()).toEqual(Array.from({ length: 25 }, (_, n) => n + 1))
  expect(invoker.runs()[0]).toHaveLength(10)
  expect(invoker.most).toBe(1)
  const [first] = invoker.batches[0]?.records ?? []
  expect(first).toMatchObject({
    eventID: 'ORDERS:1',
    eventSource: 'aws:jetstream',
    eventSourceARN: mappingOf().eventSourceArn,
    jetstream: { stream: 'ORDERS', sequenceNumber: '1', subject: 'orders.new', data: btoa('order 0') },
  })
  await expect
    .poll(() => catalogue.mapping(account, mappingOf().uuid))
    .toMatchObject({ state: 'Enabled', lastProcessingResult: 'OK' })
})

test('a mapping on an alias runs the version that the alias leads to', async () => {
  await publish(1)
  const catalogue = new TestCatalogue('f')
  const { latest } = record('f')
  const alias = { accountId: account, functionName: functionName('f'), name: 'live', description: '', revisionId: '' }
  for (const version of ['1', '2']) catalogue.versions.set(`f.${version}`, { ...latest, version })
  catalogue.aliases.set('f.live', { ...alias, functionVersion: '1' })
  catalogue.put(mappingOf({ qualifier: 'live' }))
  const invoker = new TestInvoker()
  await using _ = await start(invoker, catalogue)
  await settledUpTo(1)
  catalogue.aliases.set('f.live', { ...alias, functionVersion: '1', additional: { version: '2', weight: 1 } })
  await publish(1)
  await settledUpTo(2)
  expect(invoker.batches.map(({ call }) => call.target.version.version)).toEqual(['1', '2'])
})

test('a window gathers what comes within it', async () => {
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ maximumBatchingWindowMs: 60_000, batchSize: 6 }))
  const invoker = new TestInvoker()
  await using _ = await start(invoker, catalogue)
  await publish(3)
  await publish(3)
  await settledUpTo(6)
  expect(invoker.runs()).toEqual([[1, 2, 3, 4, 5, 6]])
})

test('a failing batch blocks the stream until its retries are spent, then leaves a dead letter', async () => {
  await publish(15)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ maximumRetryAttempts: 2 }))
  const invoker = new TestInvoker()
  invoker.answer = (sequences) => (sequences.includes(3) ? functionError : success)
  await using _ = await start(invoker, catalogue)
  await settledUpTo(15)
  const first = Array.from({ length: 10 }, (_, n) => n + 1)
  expect(invoker.runs()).toEqual([first, first, first, [11, 12, 13, 14, 15]])
  expect(new Set(invoker.batches.slice(0, 3).map(({ call }) => call.requestId)).size).toBe(1)
  const letter = await link.jsm.streams.getMessage(streams.dead, { seq: 1 })
  expect(letter?.json()).toMatchObject({
    requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 3 },
    responseContext: { statusCode: 200, functionError: 'Unhandled' },
    JetStreamBatchInfo: { startSequenceNumber: '1', endSequenceNumber: '10', batchSize: 10 },
  })
})

test('bisect finds the poison record; partial answers restart at the lowest failure; throttles do not count', async () => {
  await publish(8)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ maximumRetryAttempts: 0, bisectBatchOnFunctionError: true, reportBatchItemFailures: true }))
  const invoker = new TestInvoker()
  let throttles = 3
  invoker.answer = (sequences) => {
    if (throttles-- > 0) return throttled
    if (sequences.includes(6))
      return sequences.length > 4 ? answered('{"batchItemFailures":[{"itemIdentifier":"3"}]}') : functionError
    return success
  }
  await using _ = await start(invoker, catalogue)
  await settledUpTo(8)
  expect((await link.jsm.streams.info(streams.dead)).state.messages).toBe(1)
  const letter = await link.jsm.streams.getMessage(streams.dead, { seq: 1 })
  expect(letter?.json()).toMatchObject({ JetStreamBatchInfo: { startSequenceNumber: '6', batchSize: 1 } })
})

test('a mapping can be disabled, changed, enabled and deleted', async () => {
  await publish(2)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf())
  const invoker = new TestInvoker()
  await using _ = await start(invoker, catalogue)
  await settledUpTo(2)
  catalogue.put(mappingOf({ enabled: false, state: 'Disabling' }))
  await expect.poll(() => catalogue.mapping(account, mappingOf().uuid)?.state).toBe('Disabled')
  await publish(2)
  catalogue.put(mappingOf({ state: 'Enabling', filterSubjects: ['orders.paid', 'orders.sent'] }))
  await expect.poll(() => catalogue.mapping(account, mappingOf().uuid)?.state).toBe('Enabled')
  await publish(1, 'orders.paid')
  await expect.poll(() => invoker.runs().flat()).toEqual([1, 2, 5])
  // An update that changes nothing leaves its state, too.
  catalogue.put(mappingOf({ state: 'Updating', filterSubjects: ['orders.paid', 'orders.sent'], lastModifiedMs: 1 }))
  await expect.poll(() => catalogue.mapping(account, mappingOf().uuid)?.state).toBe('Enabled')
  catalogue.put(mappingOf({ state: 'Deleting' }))
  await expect.poll(() => catalogue.mapping(account, mappingOf().uuid)).toBeUndefined()
  await expect(consumer(mappingOf())).rejects.toThrow('consumer not found')
})

test('a stream that is not there is told, and used once it is', async () => {
  await link.jsm.streams.delete('ORDERS')
  const catalogue = new TestCatalogue()
  catalogue.put(mappingOf())
  const invoker = new TestInvoker()
  await using _ = await start(invoker, catalogue)
  const result = () => catalogue.mapping(account, mappingOf().uuid)?.lastProcessingResult
  await expect.poll(result).toBe('PROBLEM: Stream ORDERS does not exist.')
  await link.jsm.streams.add({ name: 'ORDERS', subjects: ['orders.>'] })
  await publish(1)
  await expect.poll(result).toBe('PROBLEM: Function not found.')
  catalogue.addFunction('f')
  await settledUpTo(1)
  await expect.poll(result).toBe('OK')
})

test('a work queue is emptied', async () => {
  await link.jsm.streams.delete('ORDERS')
  await link.jsm.streams.add({ name: 'ORDERS', subjects: ['orders.>'], retention: 'workqueue' })
  await publish(25)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ startingPosition: 'LATEST' }))
  await using _ = await start(new TestInvoker(), catalogue)
  await expect.poll(async () => (await link.jsm.streams.info('ORDERS')).state.messages, { timeout: 20_000 }).toBe(0)
})

test('of two pollers one runs a mapping; when it dies the other goes on from the checkpoint', async () => {
  await publish(20)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf())
  const own = await openLink({ servers: [server.url], name: 'dying', log: silentLogger, timeoutMs: 1_000 })
  const dying = new TestInvoker()
  // Never answers for the second batch: dies in the middle of it.
  dying.answer = (sequences) => (sequences[0] === 1 ? success : new Promise(() => {}))
  const first = await start(dying, catalogue, own)
  await expect.poll(() => dying.runs().length, { timeout: 20_000 }).toBe(2)
  const invoker = new TestInvoker()
  await using second = await start(invoker, catalogue, link, 'two')
  expect(second.service.held()).toBe(0)
  await own.connection.close()
  await settledUpTo(20)
  expect(invoker.runs()).toEqual([[11, 12, 13, 14, 15, 16, 17, 18, 19, 20]])
  const gone = first[Symbol.asyncDispose]()
  await expect.poll(() => second.service.held()).toBe(1)
  await gone
})

test('kill -9 of the server in mid-batch, and faults on every call: each record is run, in order', async () => {
  const total = 300
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ batchSize: 7 }))
  const invoker = new TestInvoker()
  let failures = 0
  invoker.answer = () => (++failures % 5 === 0 ? functionError : success)
  const own = await openLink({ servers: [server.url], name: 'poller', log: silentLogger, timeoutMs: 500 })
  const faults = createFaults({
    seed: 4,
    rates: { timeout: 0.03, 'done-but-timed-out': 0.03, unavailable: 0.03 },
    methods: ['request'],
  })
  const faulty: NatsLink = { ...own, connection: faults.wrap(own.connection) }
  {
    await using _ = await start(invoker, catalogue, faulty)
    let sent = 0
    const publisher = (async () => {
      while (sent < total) {
        const id = `id-${sent}`
        await link.js.publish('orders.new', `order ${sent}`, { msgID: id, timeout: 500 }).then(
          () => sent++,
          () => undefined,
        )
      }
    })()
    for (const at of [60, 160, 240]) {
      await expect.poll(() => sent, { timeout: 60_000, interval: 5 }).toBeGreaterThan(at)
      await server.restart()
    }
    await publisher
    await expect
      .poll(async () => (await consumer(mappingOf()).catch(() => undefined))?.ack_floor.stream_seq, {
        timeout: 120_000,
        interval: 100,
      })
      .toBe((await link.jsm.streams.info('ORDERS')).state.last_seq)
  }
  await own[Symbol.asyncDispose]()
  const { last_seq: last } = (await link.jsm.streams.info('ORDERS')).state
  const firstRuns = [...new Set(invoker.runs().flat())]
  expect(firstRuns).toEqual(Array.from({ length: last }, (_, n) => n + 1))
  expect(invoker.most).toBe(1)
  expect(faults.injected.length).toBeGreaterThan(0)
})
