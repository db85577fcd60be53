import { type EventEndRecord, functionName, headers, newRequestId, streams, subjects } from '@weft/contracts'
import { awsRetryPolicy, type NewEvent } from '@weft/delivery'
import { createFaults, startNatsServer, type TestNatsServer } from '@weft/kit'
import {
  ensureAccount,
  ensureFabric,
  type NatsLink,
  natsBusPublisher,
  natsEventAcceptor,
  natsEventInbox,
  natsTargets,
  openInvocationBook,
  openLink,
  openObjectStore,
} from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asyncQueueDefaults } from './config.ts'
import {
  account,
  functionError,
  functionRecord,
  region,
  success,
  TestCatalogue,
  TestInvoker,
  throttled,
} from './fixtures.ts'
import { startAsyncQueue } from './service.ts'

const storage = { replicas: 1, storageBytes: 1024 ** 3 } as const
const quick = {
  ...asyncQueueDefaults,
  retry: {
    ...awsRetryPolicy,
    retryDelaysMs: [150, 300],
    backoffMs: { first: 100, most: 400 },
    missingFunctionGraceMs: 200,
  },
  deadLetterTries: 3,
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
  await ensureFabric(link, storage)
  await ensureAccount(link, account, storage)
})

const event = (name: string, payload: unknown = { hello: 1 }): NewEvent => ({
  requestId: newRequestId(),
  accountId: account,
  functionName: functionName(name),
  payload: new TextEncoder().encode(JSON.stringify(payload)),
  acceptedAtMs: Date.now(),
})

async function start(invoker: TestInvoker, catalogue: TestCatalogue, through: NatsLink = link, holdMs = 2_000) {
  const inbox = natsEventInbox({ link: through, clock: systemClock, log: silentLogger, holdMs, pullWaitMs: 500 })
  const service = await startAsyncQueue(quick, {
    inbox,
    invoker,
    catalogue,
    targets: natsTargets({ reader: async () => link, publisher: async () => link }),
    events: acceptor(),
    book: openInvocationBook(link),
    buses: natsBusPublisher(link),
    buckets: openObjectStore(link),
    facts: { record: () => {}, log: () => {}, flush: async () => {} },
    clock: systemClock,
    log: silentLogger,
  })
  return {
    service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]()
      inbox[Symbol.dispose]()
    },
  }
}

const acceptor = () => natsEventAcceptor({ link, log: silentLogger, patience: { budgetMs: 8_000, timeoutMs: 1_000 } })

/** Everything on a stream of facts, oldest first. */
async function messages(stream: string) {
  const { state } = await link.jsm.streams.info(stream)
  const all = []
  for (let sequence = Math.max(1, state.first_seq); sequence <= state.last_seq; sequence++) {
    const message = await link.jsm.streams.getMessage(stream, { seq: sequence })
    if (message) all.push(message)
  }
  return all
}
const ends = async (): Promise<EventEndRecord[]> =>
  (await messages(streams.records)).map((m) => JSON.parse(new TextDecoder().decode(m.data)) as EventEndRecord)
const waiting = async () =>
  (await link.jsm.streams.info(streams.events(account))).state.messages +
  (await link.jsm.streams.info(streams.retries)).state.messages
const drained = () => expect.poll(waiting, { timeout: 60_000, interval: 50 }).toBe(0)

describe('an accepted event', () => {
  test('runs once, with its id and payload, and leaves one end record', async () => {
    const invoker = new TestInvoker()
    const sent = event('f', { n: 1 })
    expect(await acceptor().accept(sent)).toEqual({ ok: true, value: { duplicate: false } })
    await using _ = await start(invoker, new TestCatalogue('f'))
    await drained()
    expect(invoker.calls).toMatchObject([{ requestId: sent.requestId, attempt: 1, source: 'event' }])
    expect(new TextDecoder().decode(invoker.calls[0]?.payload)).toBe('{"n":1}')
    expect(await ends()).toMatchObject([
      { type: 'event-end', requestId: sent.requestId, end: 'succeeded', attempts: 1 },
    ])
  })

  test('for an alias runs the version that the alias leads to when it runs', async () => {
    const invoker = new TestInvoker()
    const catalogue = new TestCatalogue('f')
    const name = functionName('f')
    const { latest } = functionRecord('f')
    catalogue.versions.set(`${account}.f.7`, { ...latest, version: '7' })
    const live = { accountId: account, functionName: name, name: 'live', description: '', revisionId: '' }
    catalogue.aliases.set(`${account}.f.live`, { ...live, functionVersion: '$LATEST' })
    await acceptor().accept({ ...event('f'), qualifier: 'live' })
    catalogue.aliases.set(`${account}.f.live`, { ...live, functionVersion: '7' })
    await using _ = await start(invoker, catalogue)
    await drained()
    expect(invoker.calls.map((call) => [call.target.version.version, call.target.invokedArn])).toEqual([
      ['7', `${functionRecord('f').functionArn}:live`],
    ])
  })

  test('is stored once when its id comes twice', async () => {
    const sent = event('f')
    await acceptor().accept(sent)
    expect(await acceptor().accept(sent)).toEqual({ ok: true, value: { duplicate: true } })
    expect(await waiting()).toBe(1)
  })

  test('runs three times at most and then shows as a dead letter', async () => {
    const invoker = new TestInvoker()
    invoker.answer = () => functionError
    await using _ = await start(invoker, new TestCatalogue('f'))
    const sent = event('f')
    await acceptor().accept(sent)
    await expect.poll(async () => (await ends()).length, { timeout: 20_000 }).toBe(1)
    await drained()
    expect(invoker.calls.map((c) => [c.requestId, c.attempt])).toEqual([1, 2, 3].map((n) => [sent.requestId, n]))
    expect(await ends()).toMatchObject([{ end: 'dead-lettered', condition: 'RetriesExhausted', attempts: 3 }])
    const [letter] = await messages(streams.dead)
    expect(letter?.subject).toBe(subjects.dead(account, functionName('f')))
    expect(new TextDecoder().decode(letter?.data)).toBe('{"hello":1}')
    expect([
      letter?.header.get('RequestID'),
      letter?.header.get('ErrorCode'),
      letter?.header.get('ErrorMessage'),
    ]).toEqual([sent.requestId, '200', 'broken'])
  })

  test('throttles do not use up retries', async () => {
    const invoker = new TestInvoker()
    let times = 0
    invoker.answer = () => (++times < 6 ? throttled : success)
    await using _ = await start(invoker, new TestCatalogue('f'))
    await acceptor().accept(event('f'))
    await expect.poll(async () => (await ends()).length, { timeout: 20_000 }).toBe(1)
    await drained()
    expect(invoker.calls.map((c) => c.attempt)).toEqual([1, 1, 1, 1, 1, 1])
    expect(await ends()).toMatchObject([{ end: 'succeeded', attempts: 1 }])
  })

  test('of a function without concurrency, of a deleted one, too old, damaged: a dead letter and no run', async () => {
    const invoker = new TestInvoker()
    const catalogue = new TestCatalogue('old', 'damaged')
    catalogue.set(functionRecord('zero', { reservedConcurrency: 0 }))
    await using _ = await start(invoker, catalogue)
    await acceptor().accept(event('zero'))
    await acceptor().accept(event('gone'))
    await acceptor().accept({ ...event('old'), acceptedAtMs: Date.now() - 6 * 3_600_000 })
    const js = link.js
    const { headers: newHeaders } = await import('@nats-io/transport-node')
    const damaged = newHeaders()
    damaged.set(headers.requestId, newRequestId())
    damaged.set(headers.acceptedAt, `${Date.now()}`)
    damaged.set(headers.checksum, 'f'.repeat(64))
    await js.publish(subjects.accept(account, functionName('damaged')), '{}', { headers: damaged })
    const bare = newHeaders()
    bare.set(headers.attempt, 'many')
    await js.publish(subjects.accept(account, functionName('damaged')), '{}', { headers: bare })
    await js.publish(`weft.event.${account}.no such`.replace(' ', '$'), '{}')
    await js.publish(subjects.event(account, functionName('old')), 'not json')
    await expect.poll(async () => (await ends()).length, { timeout: 20_000 }).toBe(7)
    await drained()
    expect((await ends()).map((e) => e.condition).sort()).toEqual([
      'ChecksumMismatch',
      'EventAgeExceeded',
      'FunctionNotFound',
      'MalformedEvent',
      'MalformedEvent',
      'MalformedEvent',
      'ZeroReservedConcurrency',
    ])
    expect(await messages(streams.dead)).toHaveLength(7)
    expect(invoker.calls).toEqual([])
  })

  test('published by a client runs under an id of its place, its headers ignored', async () => {
    const invoker = new TestInvoker()
    const { headers: newHeaders } = await import('@nats-io/transport-node')
    const forged = newHeaders()
    forged.set(headers.requestId, newRequestId())
    forged.set(headers.attempt, '3')
    forged.set(headers.notBefore, `${Date.now() + 3_600_000}`)
    forged.set(headers.ending, 'RetriesExhausted')
    forged.set('x-amzn-trace-id', 'Root=1-5759e988-bd862e3fe1be46a994272793')
    await link.js.publish(subjects.event(account, functionName('f'), '$LATEST'), '', { headers: forged })
    await using _ = await start(invoker, new TestCatalogue('f'))
    await drained()
    expect(invoker.calls).toHaveLength(1)
    const [call] = invoker.calls
    expect(call?.requestId).not.toBe(forged.get(headers.requestId))
    expect(call).toMatchObject({
      attempt: 1,
      traceHeader: expect.stringMatching(/^Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=/),
    })
    expect(call?.target.invokedArn).toMatch(/:f:\$LATEST$/)
    expect(new TextDecoder().decode(call?.payload)).toBe('{}')
  })

  test('goes to the target its function names; a target nobody stores is tried again and then told', async () => {
    await link.jsm.streams.add({ name: 'LETTERS', subjects: ['letters.*'] })
    const catalogue = new TestCatalogue()
    const withTarget = (name: string, targetArn: string) => {
      const record = functionRecord(name, { reservedConcurrency: 0 })
      catalogue.set({ ...record, latest: { ...record.latest, deadLetterTargetArn: targetArn } })
    }
    withTarget('good', `arn:aws:jetstream:${region}:${account}:stream/LETTERS`)
    withTarget('bad', `arn:aws:jetstream:${region}:${account}:subject/nobody.stores.this`)
    await using _ = await start(new TestInvoker(), catalogue)
    await acceptor().accept(event('good'))
    await acceptor().accept(event('bad'))
    await expect.poll(async () => (await ends()).length, { timeout: 60_000 }).toBe(2)
    await drained()
    expect((await messages('LETTERS')).map((m) => m.subject)).toEqual(['letters.good'])
    const bad = (await ends()).find((e) => e.functionName === 'bad')
    expect(bad).toMatchObject({
      condition: 'ZeroReservedConcurrency',
      deadLetterError: expect.stringContaining('unavailable'),
    })
    expect(await messages(streams.dead)).toHaveLength(2)
  })
})

test('a full store refuses instead of accepting', async () => {
  const { config } = await link.jsm.streams.info(streams.events(account))
  await link.jsm.streams.update(streams.events(account), { ...config, max_bytes: 500 })
  expect(await acceptor().accept(event('f'))).toMatchObject({ ok: true })
  expect(await acceptor().accept(event('f', 'x'.repeat(400)))).toEqual({ ok: false, error: 'store-full' })
})

test('a stopped queue gives back what it has not finished', async () => {
  const invoker = new TestInvoker()
  let finish = (): void => {}
  const running = new Promise<void>((resolve) => {
    finish = resolve
  })
  invoker.answer = async () => {
    await running
    return success
  }
  const queue = await start(invoker, new TestCatalogue('f'))
  await acceptor().accept(event('f'))
  await expect.poll(() => invoker.calls.length).toBe(1)
  const stopped = queue[Symbol.asyncDispose]()
  finish()
  await stopped
  expect(await ends()).toHaveLength(1)
  expect(await waiting()).toBe(0)
})

test('a former owner that comes to another outcome writes nothing', async () => {
  const faults = createFaults({ seed: 1, rates: { unavailable: 1 }, methods: ['request'] })
  const cutOff: NatsLink = { ...link, connection: faults.wrap(link.connection) }
  const former = new TestInvoker()
  let fail = (): void => {}
  const running = new Promise<void>((resolve) => {
    fail = resolve
  })
  former.answer = async () => {
    await running
    return functionError
  }
  await using queue = await start(former, new TestCatalogue('f'), cutOff, 500)
  await acceptor().accept(event('f'))
  await expect.poll(() => former.calls.length).toBe(1)
  // No extension of the first owner arrives, so the event is delivered again, to it or to the second; both run it.
  const invoker = new TestInvoker()
  await using _ = await start(invoker, new TestCatalogue('f'), link, 500)
  await expect.poll(async () => (await ends()).length, { timeout: 20_000 }).toBe(1)
  fail()
  await queue[Symbol.asyncDispose]()
  expect(await ends()).toMatchObject([{ end: 'succeeded', attempts: 1 }])
  expect((await link.jsm.streams.info(streams.retries)).state.messages).toBe(0)
})

test('a consumer that is deleted is made again', async () => {
  const invoker = new TestInvoker()
  await using _ = await start(invoker, new TestCatalogue('f'))
  await acceptor().accept(event('f'))
  await drained()
  await link.jsm.consumers.delete(streams.events(account), 'async-queue')
  await acceptor().accept(event('f'))
  await drained()
  expect(invoker.calls).toHaveLength(2)
})

test('kill -9 of the server, again and again: every accepted event ends once', async () => {
  const invoker = new TestInvoker()
  const failing = new Set<string>()
  invoker.answer = (call) => {
    const n = Number(JSON.parse(new TextDecoder().decode(call.payload)).n)
    if (n % 10 === 0) return functionError
    if (n % 7 === 0 && !failing.has(call.requestId)) {
      failing.add(call.requestId)
      return throttled
    }
    return success
  }
  const own = await openLink({ servers: [server.url], name: 'queue', log: silentLogger, timeoutMs: 1_000 })
  const accepted = new Set<string>()
  {
    await using _ = await start(invoker, new TestCatalogue('f'), own)
    let n = 0
    const publish = async (): Promise<void> => {
      while (n < 400) {
        const sent = event('f', { n: ++n })
        if ((await acceptor().accept(sent)).ok) accepted.add(sent.requestId)
      }
    }
    const publishers = Promise.all(Array.from({ length: 8 }, publish))
    for (const at of [80, 180, 280]) {
      await expect.poll(() => n, { timeout: 60_000, interval: 5 }).toBeGreaterThan(at)
      await server.restart()
    }
    await publishers
    await expect
      .poll(async () => new Set((await ends()).map((e) => e.requestId)).size, { timeout: 120_000, interval: 250 })
      .toBeGreaterThanOrEqual(accepted.size)
    await drained()
  }
  await own[Symbol.asyncDispose]()
  const all = await ends()
  const ended = new Set(all.map((e) => e.requestId))
  expect([...accepted].filter((id) => !ended.has(id))).toEqual([])
  expect(all.length).toBe(ended.size)
  const dead = all.filter((e) => e.end === 'dead-lettered')
  expect(new Set((await messages(streams.dead)).map((m) => m.header.get('RequestID')))).toEqual(
    new Set(dead.map((e) => e.requestId)),
  )
})

test('faults on every publish of the queue: still one end per event', async () => {
  const faults = createFaults({
    seed: 20,
    rates: { timeout: 0.05, 'done-but-timed-out': 0.05, unavailable: 0.05 },
    methods: ['publish'],
  })
  const invoker = new TestInvoker()
  invoker.answer = (call) => (call.payload.length % 3 === 0 ? functionError : success)
  const faulty: NatsLink = { ...link, js: faults.wrap(link.js) }
  await using _ = await start(invoker, new TestCatalogue('f'), faulty)
  const sent = Array.from({ length: 200 }, (_, n) => event('f', 'x'.repeat(n % 9)))
  for (const one of sent) expect(await acceptor().accept(one)).toMatchObject({ ok: true })
  await expect.poll(async () => (await ends()).length, { timeout: 60_000, interval: 250 }).toBe(sent.length)
  await drained()
  expect(faults.injected.length).toBeGreaterThan(10)
  expect(new Set((await ends()).map((e) => e.requestId))).toEqual(new Set(sent.map((e) => e.requestId)))
})
